import { UsageError } from '@vitrine/documents';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  derBitString,
  derBoolean,
  derContext,
  derContextPrimitive,
  derEnumerated,
  derGeneralizedTime,
  derInteger,
  derNamedBits,
  derOctetString,
  derOid,
  derPrintableString,
  derSequence,
  derSet,
  derTime,
  derUnsigned,
  derUtcTime,
  derUtf8String,
} from './der-encode.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Content of one element whose length takes the whole rest. */
function content(der: Uint8Array, tag: number): Uint8Array {
  expect(der[0]).toBe(tag);
  const first = der[1] ?? 0;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  const length =
    lengthBytes === 0 ? first : [...der.subarray(2, 2 + lengthBytes)].reduce((sum, byte) => sum * 256 + byte, 0);
  expect(der.length).toBe(2 + lengthBytes + length);
  return der.subarray(2 + lengthBytes);
}

describe('integers', () => {
  test('any integer is written in the shortest two’s complement form', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(1n << 520n), max: 1n << 520n }), (value) => {
        const bytes = content(derInteger(value), 0x02);
        const [first = 0, second = 0] = bytes;
        const unsigned = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
        expect(BigInt.asIntN(bytes.length * 8, unsigned)).toBe(value);
        // X.690 section 8.3.2: the first nine bits are not all alike.
        const padded = bytes.length > 1 && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80));
        expect(padded).toBe(false);
      }),
    );
  });

  test('unsigned bytes keep their value, and never turn negative', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (value) => {
        const bytes = content(derUnsigned(value), 0x02);
        expect((bytes[0] ?? 0) < 0x80).toBe(true);
        expect(BigInt(`0x${hex(bytes)}`)).toBe(BigInt(`0x${hex(value)}`));
      }),
    );
  });

  test.each([
    [0, '020100'],
    [127, '02017f'],
    [128, '02020080'],
    [256, '02020100'],
    [-1, '0201ff'],
    [-128, '020180'],
    [-129, '0202ff7f'],
  ])('%i', (value, expected) => {
    expect(hex(derInteger(value))).toBe(expected);
  });
});

describe('object identifiers', () => {
  test.each([
    ['1.2.840.10045.4.3.2', '06082a8648ce3d040302'],
    ['2.5.29.15', '0603551d0f'],
    ['1.2.840.113741.1.13.1.2.18', '060b2a864886f84d010d010212'],
    ['2.999.1', '0603883701'],
  ])('%s', (dotted, expected) => {
    expect(hex(derOid(dotted))).toBe(expected);
  });

  test.each(['', '1', '3.1', '1.40', '1.2.x', '1.2.', '1.02', '1.2.-3'])('refuses %j', (dotted) => {
    expect(() => derOid(dotted)).toThrow(UsageError);
  });
});

describe('lengths', () => {
  test.each([0, 1, 127, 128, 255, 256, 65_535, 65_536])('%i bytes of content', (length) => {
    expect(content(derOctetString(new Uint8Array(length)), 0x04).length).toBe(length);
  });

  test('are in the short form up to 127 and the shortest long form above', () => {
    expect(hex(derOctetString(new Uint8Array(127)).subarray(0, 2))).toBe('047f');
    expect(hex(derOctetString(new Uint8Array(128)).subarray(0, 3))).toBe('048180');
    expect(hex(derOctetString(new Uint8Array(256)).subarray(0, 4))).toBe('04820100');
  });
});

describe('other types', () => {
  test('booleans, enumerated values, strings and tags', () => {
    expect(hex(derBoolean(true))).toBe('0101ff');
    expect(hex(derBoolean(false))).toBe('010100');
    expect(hex(derEnumerated(1))).toBe('0a0101');
    expect(hex(derUtf8String('é'))).toBe('0c02c3a9');
    expect(hex(derPrintableString('US'))).toBe('13025553');
    expect(hex(derContext(3, derBoolean(true)))).toBe('a3030101ff');
    expect(hex(derContextPrimitive(0, Uint8Array.of(7)))).toBe('800107');
    expect(hex(derBitString(Uint8Array.of(6), 1))).toBe('03020106');
  });

  test('named bits leave trailing zeros out', () => {
    expect(hex(derNamedBits([5, 6]))).toBe('03020106');
    expect(hex(derNamedBits([0, 1]))).toBe('030206c0');
    expect(hex(derNamedBits([8]))).toBe('0303070080');
    expect(hex(derNamedBits([]))).toBe('030100');
  });

  test('a set is sorted by encoding, a sequence keeps its order', () => {
    const [one, two] = [derInteger(1), derInteger(2)];
    expect(derSet(two, one)).toEqual(derSet(one, two));
    expect(derSequence(two, one)).not.toEqual(derSequence(one, two));
  });

  test('a PrintableString refuses what it cannot carry', () => {
    expect(() => derPrintableString('a@b')).toThrow(UsageError);
  });
});

describe('times', () => {
  test('change form between 2049 and 2050', () => {
    expect(Buffer.from(content(derTime(new Date('2049-12-31T23:59:59Z')), 0x17)).toString()).toBe('491231235959Z');
    expect(Buffer.from(content(derTime(new Date('2050-01-01T00:00:00Z')), 0x18)).toString()).toBe('20500101000000Z');
  });

  test('drop fractions of a second', () => {
    expect(derUtcTime(new Date('2026-01-02T03:04:05.678Z'))).toEqual(derUtcTime(new Date('2026-01-02T03:04:05Z')));
  });

  test('refuse years that do not fit', () => {
    expect(() => derUtcTime(new Date('1949-12-31T23:59:59Z'))).toThrow(UsageError);
    expect(() => derUtcTime(new Date('2050-01-01T00:00:00Z'))).toThrow(UsageError);
    expect(() => derGeneralizedTime(new Date(Number.NaN))).toThrow(UsageError);
    expect(() => derGeneralizedTime(new Date('+010000-01-01T00:00:00Z'))).toThrow(UsageError);
  });
});
