/**
 * Recursive Length Prefix, canonical form only: one text for each value, so that what is decoded and
 * encoded again gives the same bytes.
 *
 * Lengths are minimal, a byte below 0x80 stands for itself, and nothing follows the outermost item.
 * Numbers, which RLP itself does not know, are big-endian without leading zeros ({@link readInteger}).
 *
 * Specification: Ethereum Yellow Paper, appendix B.
 *
 * @module
 */
import { fromHex } from '@vitrine/documents';
import { bytesToInteger } from './hex.ts';
import { refuse } from './refuse.ts';

export type RlpItem = Uint8Array | readonly RlpItem[];

/** An access list nests four deep, the deepest thing in a transaction. */
const MAX_DEPTH = 4;
/** Strings and lists up to this length have it in their first byte. */
const SHORT = 55;
const STRING = 0x80;
const LIST = 0xc0;
/** No input that is read here needs more. */
const MAX_LENGTH_BYTES = 4;

interface Cursor {
  readonly bytes: Uint8Array;
  offset: number;
}

/**
 * The one item that `bytes` consist of. Strings are views into `bytes`.
 *
 * @throws RefusedRequestError `evm.rlp`.
 */
export function decodeRlp(bytes: Uint8Array): RlpItem {
  const cursor: Cursor = { bytes, offset: 0 };
  const item = readItem(cursor, bytes.length, 0);
  if (cursor.offset !== bytes.length) refuse('evm.rlp', `RLP: ${bytes.length - cursor.offset} bytes after its end`);
  return item;
}

function readItem(cursor: Cursor, end: number, depth: number): RlpItem {
  const first = cursor.bytes[cursor.offset];
  if (first === undefined || cursor.offset >= end) refuse('evm.rlp', 'RLP: ends before its last item');
  if (first < STRING) return cursor.bytes.subarray(cursor.offset, ++cursor.offset);
  cursor.offset += 1;
  if (first < LIST) {
    const length = readLength(cursor, end, first - STRING);
    const content = cursor.bytes.subarray(cursor.offset, cursor.offset + length);
    if (length === 1 && (content[0] ?? 0) < STRING) refuse('evm.rlp', 'RLP: a byte below 0x80 with a length before it');
    cursor.offset += length;
    return content;
  }
  if (depth === MAX_DEPTH) refuse('evm.rlp', `RLP: lists more than ${MAX_DEPTH} deep`);
  const length = readLength(cursor, end, first - LIST);
  const listEnd = cursor.offset + length;
  const items: RlpItem[] = [];
  while (cursor.offset < listEnd) items.push(readItem(cursor, listEnd, depth + 1));
  return items;
}

/** The length that a first byte means, after subtraction of its base; the content is within `end`. */
function readLength(cursor: Cursor, end: number, code: number): number {
  let length = code;
  if (code > SHORT) {
    const size = code - SHORT;
    if (size > MAX_LENGTH_BYTES || cursor.offset + size > end) refuse('evm.rlp', 'RLP: a length beyond its end');
    length = 0;
    for (let index = 0; index < size; index++) length = length * 256 + (cursor.bytes[cursor.offset + index] ?? 0);
    if (cursor.bytes[cursor.offset] === 0 || length <= SHORT) refuse('evm.rlp', 'RLP: a length longer than needed');
    cursor.offset += size;
  }
  if (cursor.offset + length > end) refuse('evm.rlp', 'RLP: an item beyond its end');
  return length;
}

/**
 * The number in a string item, below `2^bits`.
 *
 * @throws RefusedRequestError `evm.rlp` for a list or leading zeros, `evm.range` for a larger number.
 */
export function readInteger(item: RlpItem | undefined, name: string, bits: number): bigint {
  const bytes = readString(item, name);
  if (bytes[0] === 0) refuse('evm.rlp', `${name}: a number with leading zeros`);
  if (bytes.length * 8 > bits)
    refuse('evm.range', `${name}: expected a number below 2^${bits}, got ${bytes.length} bytes`);
  return bytesToInteger(bytes);
}

/** The bytes of a string item. */
export function readString(item: RlpItem | undefined, name: string): Uint8Array {
  return item instanceof Uint8Array ? item : refuse('evm.rlp', `${name}: expected bytes, got a list`);
}

/** The items of a list. */
export function readList(item: RlpItem | undefined, name: string): readonly RlpItem[] {
  return item === undefined || item instanceof Uint8Array
    ? refuse('evm.rlp', `${name}: expected a list, got bytes`)
    : item;
}

/** A non-negative number as a string item: big-endian, no leading zeros, 0 as no bytes. */
export function rlpInteger(value: bigint): Uint8Array {
  if (value === 0n) return new Uint8Array();
  const digits = value.toString(16);
  const bytes = fromHex(digits.length % 2 === 0 ? digits : `0${digits}`);
  if (bytes === undefined) throw new RangeError('a negative number has no RLP form');
  return bytes;
}

/** The canonical bytes of an item, after `prefix` where there is one. */
export function encodeRlp(item: RlpItem, prefix?: number): Uint8Array<ArrayBuffer> {
  const start = prefix === undefined ? 0 : 1;
  const bytes = new Uint8Array(start + encodedLength(item));
  if (prefix !== undefined) bytes[0] = prefix;
  write(item, bytes, start);
  return bytes;
}

function contentLength(item: RlpItem): number {
  if (item instanceof Uint8Array) return item.length;
  let length = 0;
  for (const member of item) length += encodedLength(member);
  return length;
}

function encodedLength(item: RlpItem): number {
  const length = contentLength(item);
  if (standsForItself(item)) return 1;
  return length <= SHORT ? 1 + length : 1 + lengthBytes(length) + length;
}

function standsForItself(item: RlpItem): item is Uint8Array {
  return item instanceof Uint8Array && item.length === 1 && (item[0] ?? 0) < STRING;
}

function lengthBytes(length: number): number {
  let size = 1;
  for (let rest = length; rest >= 256; rest = Math.floor(rest / 256)) size++;
  return size;
}

/** Writes the item and gives the offset after it. */
function write(item: RlpItem, into: Uint8Array, offset: number): number {
  let next = offset;
  if (!standsForItself(item)) {
    const base = item instanceof Uint8Array ? STRING : LIST;
    const length = contentLength(item);
    if (length <= SHORT) into[next++] = base + length;
    else {
      const size = lengthBytes(length);
      into[next++] = base + SHORT + size;
      for (let index = size - 1; index >= 0; index--) into[next++] = Math.floor(length / 256 ** index) % 256;
    }
  }
  if (item instanceof Uint8Array) {
    into.set(item, next);
    return next + item.length;
  }
  for (const member of item) next = write(member, into, next);
  return next;
}
