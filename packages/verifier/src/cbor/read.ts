/**
 * A strict reader of CBOR (RFC 8949): one value, in its shortest form, ending where the bytes end.
 *
 * General decoders accept many texts for one value: long forms of small numbers, indefinite
 * lengths, a key twice. A signed document could then say one thing to its signer's reader and
 * another to ours. Here every value has one encoding (RFC 8949, section 4.2.1, but for the order of
 * keys, which real signers do not sort). What no evidence uses is refused: floating point,
 * `undefined`, other simple values, and keys that are neither whole numbers nor text.
 *
 * The caller sets the bounds. A declared length or count is compared with what is there, and with
 * the bounds, before it is followed; so hostile input costs no more than reading it.
 *
 * @module
 */
import { refuse } from '../refusal.ts';

export type CborValue =
  /** A whole number that a double holds exactly. */
  | { readonly kind: 'integer'; readonly value: number }
  /** A view into the input. */
  | { readonly kind: 'bytes'; readonly value: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'array'; readonly items: readonly CborValue[] }
  | { readonly kind: 'map'; readonly entries: CborMap }
  | { readonly kind: 'tag'; readonly tag: number; readonly value: CborValue }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'null' };

/** The key `1` and the key `"1"` are two keys. */
export type CborMap = ReadonlyMap<number | string, CborValue>;

export interface CborLimits {
  readonly maxBytes: number;
  /** How many arrays, maps and tags may enclose each other. */
  readonly maxDepth: number;
  /** How many values there may be in all, those that contain others included. */
  readonly maxItems: number;
  /** Tags that may occur; any other is a refusal. */
  readonly tags: readonly number[];
  /**
   * Whether the outermost value may be a map without a declared number of entries, as some signers
   * write it. Every other indefinite length is a refusal in any case.
   */
  readonly indefiniteMap: 'refused' | 'outermost';
}

interface Reader {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly limits: CborLimits;
  readonly what: string;
  offset: number;
  items: number;
}

interface Head {
  readonly major: number;
  /** `undefined` for an indefinite length, which only a map may have. */
  readonly argument: number | undefined;
}

const BREAK = 0xff;
const INDEFINITE_MAP = 0xbf;
const Major = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const;

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads `bytes` as exactly one value; `what` names it in refusals.
 *
 * @throws RefusalError
 */
export function readCbor(bytes: Uint8Array<ArrayBuffer>, limits: CborLimits, what: string): CborValue {
  if (bytes.length > limits.maxBytes) refuse(`${what}: longer than ${limits.maxBytes} bytes`);
  const reader: Reader = { bytes, limits, what, offset: 0, items: 0 };
  const value = readValue(reader, 0);
  if (reader.offset !== bytes.length) refuse(`${what}: bytes after the end of the CBOR value`);
  return value;
}

function readValue(reader: Reader, depth: number): CborValue {
  countItems(reader, 1);
  const { major, argument } = readHead(reader, depth);
  if (argument === undefined) return { kind: 'map', entries: readEntries(reader, undefined, depth + 1) };
  switch (major) {
    case Major.unsigned:
      return { kind: 'integer', value: argument };
    case Major.negative:
      return { kind: 'integer', value: -1 - argument };
    case Major.bytes:
      return { kind: 'bytes', value: takeBytes(reader, argument) };
    case Major.text:
      return { kind: 'text', value: decodeText(reader, takeBytes(reader, argument)) };
    case Major.array:
      return { kind: 'array', items: readItems(reader, argument, depth + 1) };
    case Major.map:
      return { kind: 'map', entries: readEntries(reader, argument, depth + 1) };
    case Major.tag:
      if (!reader.limits.tags.includes(argument)) refuse(`${reader.what}: CBOR tag ${argument} is not expected here`);
      checkDepth(reader, depth + 1);
      return { kind: 'tag', tag: argument, value: readValue(reader, depth + 1) };
    default:
      return simpleValue(reader, argument);
  }
}

function readItems(reader: Reader, count: number, depth: number): readonly CborValue[] {
  checkDepth(reader, depth);
  checkCount(reader, count, 1);
  const items: CborValue[] = [];
  while (items.length < count) items.push(readValue(reader, depth));
  return items;
}

function readEntries(reader: Reader, count: number | undefined, depth: number): CborMap {
  checkDepth(reader, depth);
  if (count !== undefined) checkCount(reader, count, 2);
  const entries = new Map<number | string, CborValue>();
  while (count === undefined ? !takeBreak(reader) : entries.size < count) {
    const key = readValue(reader, depth);
    if (key.kind !== 'integer' && key.kind !== 'text') {
      return refuse(`${reader.what}: a CBOR map key that is neither a whole number nor text`);
    }
    if (entries.has(key.value)) refuse(`${reader.what}: key ${JSON.stringify(key.value)} twice in one CBOR map`);
    entries.set(key.value, readValue(reader, depth));
  }
  return entries;
}

/** Initial byte and argument, which must be in the shortest form. */
function readHead(reader: Reader, depth: number): Head {
  const initial = takeByte(reader);
  const major = initial >> 5;
  const info = initial & 0x1f;
  if (initial === INDEFINITE_MAP && depth === 0 && reader.limits.indefiniteMap === 'outermost') {
    return { major, argument: undefined };
  }
  if (info === 31) refuse(`${reader.what}: CBOR value of indefinite length`);
  if (info > 27) refuse(`${reader.what}: reserved CBOR length`);
  // The only simple values that are read stand in the initial byte; longer forms are floating point or unknown.
  if (major === Major.simple && info > 23) refuse(`${reader.what}: CBOR floating point or simple value`);
  if (info < 24) return { major, argument: info };
  const size = 1 << (info - 24);
  let argument = 0;
  for (let index = 0; index < size; index++) argument = argument * 256 + takeByte(reader);
  const least = size === 1 ? 24 : 256 ** (size / 2);
  if (argument < least) refuse(`${reader.what}: CBOR number or length not in its shortest form`);
  if (!Number.isSafeInteger(argument)) refuse(`${reader.what}: CBOR number larger than a double can hold exactly`);
  return { major, argument };
}

function simpleValue(reader: Reader, argument: number): CborValue {
  if (argument === 20 || argument === 21) return { kind: 'boolean', value: argument === 21 };
  if (argument === 22) return { kind: 'null' };
  return refuse(`${reader.what}: CBOR simple value ${argument} is not expected here`);
}

function checkDepth(reader: Reader, depth: number): void {
  if (depth > reader.limits.maxDepth) refuse(`${reader.what}: CBOR nested deeper than ${reader.limits.maxDepth}`);
}

/** Refuses a declared count that cannot be true, before anything is made for it. */
function checkCount(reader: Reader, count: number, itemsEach: number): void {
  if (count * itemsEach > reader.bytes.length - reader.offset) refuse(`${reader.what}: CBOR value ends early`);
  if (reader.items + count * itemsEach > reader.limits.maxItems) countItems(reader, count * itemsEach);
}

function countItems(reader: Reader, count: number): void {
  reader.items += count;
  if (reader.items > reader.limits.maxItems) refuse(`${reader.what}: more than ${reader.limits.maxItems} CBOR values`);
}

function takeByte(reader: Reader): number {
  return reader.bytes[reader.offset++] ?? refuse(`${reader.what}: CBOR value ends early`);
}

function takeBreak(reader: Reader): boolean {
  if (reader.bytes[reader.offset] !== BREAK) return false;
  reader.offset++;
  return true;
}

function takeBytes(reader: Reader, length: number): Uint8Array<ArrayBuffer> {
  if (length > reader.bytes.length - reader.offset) refuse(`${reader.what}: CBOR value ends early`);
  reader.offset += length;
  return reader.bytes.subarray(reader.offset - length, reader.offset);
}

function decodeText(reader: Reader, bytes: Uint8Array<ArrayBuffer>): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    return refuse(`${reader.what}: CBOR text that is not UTF-8`);
  }
}
