import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fields, integers, readFields, readInteger } from './bytes.ts';
import { bucketSize, pad, unpad } from './padding.ts';

describe('fields', () => {
  test('any list of byte strings is read back', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 }), (values) => {
        expect(readFields(fields(...values))).toEqual(values);
      }),
    );
  });

  test('two lists never have the same bytes', () => {
    expect(fields(Uint8Array.of(1), Uint8Array.of(2))).not.toEqual(fields(Uint8Array.of(1, 2)));
    expect(fields(Uint8Array.of(), Uint8Array.of(1))).not.toEqual(fields(Uint8Array.of(1), Uint8Array.of()));
  });

  test('any bytes are either a list of fields or nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (input) => {
        const values = readFields(input);
        if (values !== undefined) expect(fields(...values)).toEqual(input);
      }),
    );
  });

  test('a field that is too long is not cut', () => {
    expect(() => fields(new Uint8Array(65_536))).toThrow(RangeError);
  });
});

test('integers up to 2^53 - 1 are read back', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (left, right) => {
      const written = integers(left, right);
      expect([readInteger(written, 0), readInteger(written, 8)]).toEqual([left, right]);
    }),
  );
});

describe('padding', () => {
  test.each([
    [0, 256],
    [252, 256],
    [253, 512],
    [4092, 4096],
    [65_532, 65_536],
    [65_533, 131_072],
    [131_069, 196_608],
  ])('content of %i bytes takes %i', (length, bucket) => {
    expect(bucketSize(length)).toBe(bucket);
    expect(pad(new Uint8Array(length))).toHaveLength(bucket);
  });

  test('any content is read back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1200 }), (content) => {
        expect(unpad(pad(content))).toEqual(content);
      }),
    );
  });

  test.each([
    ['a length beyond the end', (padded: Uint8Array) => padded.set([255, 255], 2)],
    ['a length of a smaller bucket', (padded: Uint8Array) => padded.set([0, 1], 2)],
    ['padding that is not zero', (padded: Uint8Array) => padded.fill(1, -1)],
  ])('%s is refused', (_, spoil) => {
    const padded = pad(new Uint8Array(300));
    spoil(padded);
    expect(unpad(padded)).toBeUndefined();
  });

  test('what is shorter than any bucket is refused', () => {
    expect(unpad(new Uint8Array(4))).toBeUndefined();
  });
});
