import { describe, expect, test } from 'vitest';
import { RefusalError } from '../refusal.ts';
import { cborBytes, cborEntries, cborField, cborItems, cborText, cborUnsigned, refuseUnknownKeys } from './fields.ts';
import type { CborValue } from './read.ts';

const integer: CborValue = { kind: 'integer', value: 5 };
const text: CborValue = { kind: 'text', value: 'five' };
const bytes: CborValue = { kind: 'bytes', value: Uint8Array.of(1, 2, 3) };
const array: CborValue = { kind: 'array', items: [integer, text] };
const map: CborValue = { kind: 'map', entries: new Map([['a', integer]]) };

describe('fields of CBOR values', () => {
  test('each is given where it has its kind and size', () => {
    expect(cborUnsigned(integer, 5, 'x')).toBe(5);
    expect(cborText(text, /^five$/, 'five', 'x')).toBe('five');
    expect(cborBytes(bytes, 3, 3, 'x')).toEqual(Uint8Array.of(1, 2, 3));
    expect(cborItems(array, 1, 2, 'x')).toHaveLength(2);
    expect(cborField(cborEntries(map, 'x'), 'a', 'x')).toBe(integer);
    expect(() => refuseUnknownKeys(cborEntries(map, 'x'), ['a', 'b'], 'x')).not.toThrow();
  });

  const refused: readonly [name: string, run: () => unknown, reason: RegExp][] = [
    ['a number too large', () => cborUnsigned(integer, 4, 'x'), /out of range/],
    ['a negative number', () => cborUnsigned({ kind: 'integer', value: -1 }, 4, 'x'), /out of range/],
    ['text where a number has to be', () => cborUnsigned(text, 9, 'x'), /whole number/],
    ['another text', () => cborText(text, /^six$/, '"six"', 'x'), /expected "six"/],
    ['bytes where text has to be', () => cborText(bytes, /./, 'text', 'x'), /CBOR text/],
    ['too few bytes', () => cborBytes(bytes, 4, 9, 'x'), /wrong length/],
    ['too many bytes', () => cborBytes(bytes, 0, 2, 'x'), /wrong length/],
    ['null where bytes have to be', () => cborBytes({ kind: 'null' }, 0, 9, 'x'), /byte string/],
    ['too few items', () => cborItems(array, 3, 3, 'x'), /wrong number of items/],
    ['too many items', () => cborItems(array, 0, 1, 'x'), /wrong number of items/],
    ['a map where an array has to be', () => cborItems(map, 0, 9, 'x'), /CBOR array/],
    ['an array where a map has to be', () => cborEntries(array, 'x'), /CBOR map/],
    ['a key that is missing', () => cborField(cborEntries(map, 'x'), 'b', 'x'), /"b" is missing/],
    ['a key that is not known', () => refuseUnknownKeys(cborEntries(map, 'x'), ['b'], 'x'), /unknown key/],
  ];
  for (const [name, run, reason] of refused) {
    test(`${name} is refused`, () => {
      expect(run).toThrow(RefusalError);
      expect(run).toThrow(reason);
    });
  }
});
