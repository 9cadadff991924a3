/**
 * Elementary types of Solidity that fit in one word, by their canonical names, and what 32 bytes mean as
 * one of them.
 *
 * Aliases (`uint`, `int`, `byte`) are no names: two spellings of one type give two hashes.
 *
 * Specification: Solidity ABI, "Types" and "Formal specification of the encoding".
 *
 * @module
 */

export type Elementary =
  | { readonly kind: 'uint' | 'int'; readonly bits: number }
  | { readonly kind: 'address' | 'bool' }
  | { readonly kind: 'bytes'; readonly size: number };

const INTEGER = /^(u?int)([1-9][0-9]{0,2})$/;
const BYTES = /^bytes([1-9][0-9]?)$/;
const ZERO_WORD = '0'.repeat(64);

/** `undefined` for dynamic types, aliases and names that are no type. */
export function elementary(name: string): Elementary | undefined {
  if (name === 'address' || name === 'bool') return { kind: name };
  const integer = INTEGER.exec(name);
  if (integer !== null) {
    const bits = Number(integer[2]);
    return bits % 8 === 0 && bits <= 256 ? { kind: integer[1] === 'int' ? 'int' : 'uint', bits } : undefined;
  }
  const size = Number(BYTES.exec(name)?.[1]);
  return size <= 32 ? { kind: 'bytes', size } : undefined;
}

/** Whether a number is in the range of an integer type. */
export function inRange(type: Elementary & { readonly bits: number }, value: bigint): boolean {
  if (type.kind === 'uint') return value >= 0n && value < 1n << BigInt(type.bits);
  const half = 1n << BigInt(type.bits - 1);
  return value >= -half && value < half;
}

/**
 * The value of a word, given as 64 lower-case digits: integers as numbers, booleans as `true` or `false`,
 * addresses and bytes as `0x` text. `undefined` where bits are set that the type does not have.
 */
export function fromWord(type: Elementary, word: string): bigint | string | undefined {
  switch (type.kind) {
    case 'uint':
    case 'int': {
      const unsigned = BigInt(`0x${word}`);
      const value = type.kind === 'int' && word.charAt(0) >= '8' ? unsigned - (1n << 256n) : unsigned;
      return inRange(type as Elementary & { readonly bits: number }, value) ? value : undefined;
    }
    case 'address':
      return word.startsWith(ZERO_WORD.slice(0, 24)) ? `0x${word.slice(24)}` : undefined;
    case 'bool':
      if (word === ZERO_WORD) return 'false';
      return word === `${ZERO_WORD.slice(1)}1` ? 'true' : undefined;
    case 'bytes': {
      const digits = type.size * 2;
      return word.slice(digits) === ZERO_WORD.slice(digits) ? `0x${word.slice(0, digits)}` : undefined;
    }
  }
}
