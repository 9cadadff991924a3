/**
 * Arguments of a call, read so that each bit is accounted for: upper bits of narrower types are zero,
 * offsets are those of the canonical layout (tails in the order of their heads, without gaps), padding is
 * zero, and nothing follows the last argument.
 *
 * Contracts read more leniently, and other readers skip what they do not expect; so only data that has one
 * reading is read here.
 *
 * Specification: Solidity ABI, "Formal specification of the encoding" and "Strict encoding mode".
 *
 * @module
 */
import { toHex } from '@vitrine/documents';
import { type Elementary, fromWord } from './elementary.ts';
import { refuse } from './refuse.ts';

/** Calldata after the selector. `hex` has 64 digits for each word. */
export interface Words {
  readonly signature: string;
  readonly hex: string;
  readonly count: number;
}

const ADDRESS: Elementary = { kind: 'address' };
const BOOL: Elementary = { kind: 'bool' };
const WORD_DIGITS = 64;

/**
 * The words of a call with static arguments only.
 *
 * @throws RefusedRequestError `evm.short-data` or `evm.trailing-data` for another length.
 */
export function staticWords(signature: string, data: Uint8Array, count: number): Words {
  if (data.length < 32 * count)
    refuse('evm.short-data', `${signature}: expected ${32 * count} bytes, got ${data.length}`);
  if (data.length > 32 * count)
    refuse('evm.trailing-data', `${signature}: ${data.length - 32 * count} bytes after the last argument`);
  return { signature, hex: toHex(data), count };
}

/** The words of a call with dynamic arguments, at least `heads`. The caller must reach {@link end}. */
export function dynamicWords(signature: string, data: Uint8Array, heads: number): Words {
  if (data.length < 32 * heads)
    refuse('evm.short-data', `${signature}: expected at least ${32 * heads} bytes, got ${data.length}`);
  if (data.length % 32 !== 0)
    refuse('evm.trailing-data', `${signature}: expected whole words, got ${data.length} bytes`);
  return { signature, hex: toHex(data), count: data.length / 32 };
}

function word(words: Words, index: number): string {
  if (index >= words.count) refuse('evm.short-data', `${words.signature}: ends before its last argument`);
  return words.hex.slice(index * WORD_DIGITS, (index + 1) * WORD_DIGITS);
}

/** @throws RefusedRequestError `evm.dirty-address` where any of the upper 12 bytes is set. */
export function addressAt(words: Words, index: number): string {
  const value = fromWord(ADDRESS, word(words, index));
  if (typeof value !== 'string')
    refuse(
      'evm.dirty-address',
      `${words.signature}: argument at word ${index} is an address with bits above its 20 bytes`,
    );
  return value;
}

/** @throws RefusedRequestError `evm.argument` for a number of more than `bits`. */
export function uintAt(words: Words, index: number, bits: number): bigint {
  const value = fromWord({ kind: 'uint', bits }, word(words, index));
  if (typeof value !== 'bigint') refuse('evm.argument', `${words.signature}: word ${index} is more than ${bits} bits`);
  return value;
}

/** @throws RefusedRequestError `evm.argument` for anything but 0 and 1. */
export function boolAt(words: Words, index: number): boolean {
  const value = fromWord(BOOL, word(words, index));
  if (value === undefined) refuse('evm.argument', `${words.signature}: word ${index} is a boolean other than 0 and 1`);
  return value === 'true';
}

/**
 * A length or offset: small enough to be a place in the data.
 *
 * @throws RefusedRequestError `evm.argument`.
 */
function sizeAt(words: Words, index: number): number {
  const value = uintAt(words, index, 256);
  if (value > BigInt(words.count * 32))
    refuse('evm.argument', `${words.signature}: word ${index} points beyond the data`);
  return Number(value);
}

/**
 * Demands that the head at `index` points to the word `tail`, counted from `base`.
 *
 * @throws RefusedRequestError `evm.argument`.
 */
export function expectOffset(words: Words, index: number, tail: number, base: number): void {
  if (sizeAt(words, index) !== (tail - base) * 32)
    refuse('evm.argument', `${words.signature}: the offset at word ${index} is not that of the canonical layout`);
}

/** The number of elements of an array whose tail is at `tail`; its elements follow there. */
export function lengthAt(words: Words, tail: number): number {
  const length = sizeAt(words, tail);
  if (length > words.count) refuse('evm.short-data', `${words.signature}: ends before its last element`);
  return length;
}

/** Skips `bytes` whose tail is at `tail`, with zero padding; gives the word after them. */
export function skipBytes(words: Words, tail: number): number {
  const length = sizeAt(words, tail);
  const next = tail + 1 + Math.ceil(length / 32);
  if (next > words.count) refuse('evm.short-data', `${words.signature}: ends within its bytes`);
  const padding = words.hex.slice((tail + 1) * WORD_DIGITS + 2 * length, next * WORD_DIGITS);
  if (!/^0*$/.test(padding)) refuse('evm.argument', `${words.signature}: bytes with padding other than zero`);
  return next;
}

/** @throws RefusedRequestError `evm.trailing-data` where words are left after `next`. */
export function end(words: Words, next: number): void {
  if (next !== words.count)
    refuse('evm.trailing-data', `${words.signature}: ${(words.count - next) * 32} bytes after the last argument`);
}
