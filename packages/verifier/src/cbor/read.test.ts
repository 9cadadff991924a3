import { concatBytes } from '@vitrine/documents';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { RefusalError } from '../refusal.ts';
import {
  cborArray,
  cborBytes,
  cborHead,
  cborIndefiniteMap,
  cborInteger,
  cborMap,
  cborTag,
  cborText,
} from '../testing/cbor-encode.ts';
import { type CborLimits, type CborValue, readCbor } from './read.ts';

const LIMITS: CborLimits = { maxBytes: 5_000_000, maxDepth: 4, maxItems: 1000, tags: [18], indefiniteMap: 'refused' };

const bytes = (...values: readonly number[]): Uint8Array<ArrayBuffer> => Uint8Array.from(values);
const read = (input: Uint8Array<ArrayBuffer>, limits: Partial<CborLimits> = {}): CborValue =>
  readCbor(input, { ...LIMITS, ...limits }, 'value');

/** Encodes a plain value, to compare what is read with what was written. */
function encode(value: unknown): Uint8Array<ArrayBuffer> {
  if (typeof value === 'number') return cborInteger(value);
  if (typeof value === 'string') return cborText(value);
  if (typeof value === 'boolean') return bytes(value ? 0xf5 : 0xf4);
  if (value === null) return bytes(0xf6);
  if (value instanceof Uint8Array) return cborBytes(value);
  if (Array.isArray(value)) return cborArray(...value.map(encode));
  return cborMap(...Object.entries(value as object).map(([key, one]) => [cborText(key), encode(one)] as const));
}

function plain(value: CborValue): unknown {
  switch (value.kind) {
    case 'null':
      return null;
    case 'array':
      return value.items.map(plain);
    case 'map':
      return Object.fromEntries([...value.entries].map(([key, one]) => [key, plain(one)]));
    case 'tag':
      return plain(value.value);
    default:
      return value.value;
  }
}

describe('values', () => {
  const leaf = fc.oneof(
    fc.integer(),
    fc.maxSafeInteger(),
    fc.string({ unit: 'grapheme' }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 300 }).map((one) => Uint8Array.from(one)),
  );
  const keys = fc.string({ maxLength: 8 }).filter((key) => key !== '__proto__');
  const value = fc.oneof(
    leaf,
    fc.array(leaf, { maxLength: 30 }),
    fc.dictionary(keys, fc.array(leaf, { maxLength: 3 })),
  );

  test('what is written is read', () => {
    fc.assert(
      fc.property(value, (one) => {
        expect(plain(read(encode(one)))).toEqual(one === null ? null : structuredClone(one));
      }),
    );
  });

  test('numbers at the limits of each form', () => {
    for (const one of [
      0,
      23,
      24,
      255,
      256,
      65_535,
      65_536,
      2 ** 32 - 1,
      2 ** 32,
      Number.MAX_SAFE_INTEGER,
      -1,
      -24,
      -25,
    ]) {
      expect(read(cborInteger(one))).toEqual({ kind: 'integer', value: one });
    }
  });

  test('a number and its digits are two keys', () => {
    const map = cborMap([cborInteger(1), cborInteger(2)], [cborText('1'), cborInteger(3)]);
    expect(read(map)).toMatchObject({
      kind: 'map',
      entries: new Map<unknown, unknown>([
        [1, { value: 2 }],
        ['1', { value: 3 }],
      ]),
    });
  });

  test('an expected tag, and an outermost map of indefinite length where it is expected', () => {
    expect(read(cborTag(18, cborInteger(5)))).toMatchObject({ kind: 'tag', tag: 18, value: { value: 5 } });
    const map = cborIndefiniteMap([cborText('a'), cborInteger(1)]);
    expect(read(map, { indefiniteMap: 'outermost' })).toEqual(read(cborMap([cborText('a'), cborInteger(1)])));
  });
});

describe('refusals', () => {
  const a = cborText('a');
  const one = cborInteger(1);
  const indefinite = cborIndefiniteMap([a, one]);
  const refused: readonly [
    name: string,
    input: Uint8Array<ArrayBuffer>,
    reason: RegExp,
    limits?: Partial<CborLimits>,
  ][] = [
    ['nothing', bytes(), /ends early/],
    ['bytes after the end', bytes(0x01, 0x01), /bytes after the end/],
    ['a number that ends early', bytes(0x19, 0x01), /ends early/],
    ['23 in two bytes', bytes(0x18, 0x17), /shortest form/],
    ['255 in three bytes', bytes(0x19, 0x00, 0xff), /shortest form/],
    ['65535 in five bytes', bytes(0x1a, 0, 0, 0xff, 0xff), /shortest form/],
    ['2^32 - 1 in nine bytes', bytes(0x1b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff), /shortest form/],
    ['2^53', bytes(0x1b, 0, 0x20, 0, 0, 0, 0, 0, 0), /larger than a double/],
    ['2^64 - 1', bytes(0x1b, ...new Uint8Array(8).fill(0xff)), /larger than a double/],
    ['-2^64', bytes(0x3b, ...new Uint8Array(8).fill(0xff)), /larger than a double/],
    ['reserved lengths', bytes(0x1c), /reserved/],
    ['bytes of indefinite length', bytes(0x5f, 0x41, 0x00, 0xff), /indefinite/],
    ['text of indefinite length', bytes(0x7f, 0x61, 0x61, 0xff), /indefinite/],
    ['an array of indefinite length', bytes(0x9f, 0x01, 0xff), /indefinite/],
    ['a map of indefinite length', indefinite, /indefinite/],
    ['such a map inside another', cborIndefiniteMap([a, indefinite]), /indefinite/, { indefiniteMap: 'outermost' }],
    ['such a map without an end', indefinite.slice(0, -1), /ends early/, { indefiniteMap: 'outermost' }],
    ['such a map with a key alone', bytes(0xbf, 0x61, 0x61, 0xff), /indefinite/, { indefiniteMap: 'outermost' }],
    ['a key twice in such a map', cborIndefiniteMap([a, one], [a, one]), /twice/, { indefiniteMap: 'outermost' }],
    ['an end without a beginning', bytes(0xff), /indefinite/],
    ['a key twice', cborMap([a, one], [a, cborInteger(2)]), /key "a" twice/],
    ['a number as key twice', cborMap([one, a], [one, a]), /key 1 twice/],
    ['bytes as key', cborMap([cborBytes(bytes(1)), one]), /neither a whole number nor text/],
    ['an array as key', cborMap([cborArray(), one]), /neither a whole number nor text/],
    ['another tag', cborTag(17, one), /tag 17/],
    ['a date', cborTag(1, one), /tag 1 /],
    ['floating point', bytes(0xf9, 0x3c, 0x00), /floating point/],
    ['a double', bytes(0xfb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0), /floating point/],
    ['undefined', bytes(0xf7), /simple value 23/],
    ['another simple value', bytes(0xf0), /simple value 16/],
    ['true in two bytes', bytes(0xf8, 0x15), /simple value/],
    ['text that is not UTF-8', bytes(0x62, 0xc3, 0x28), /UTF-8/],
    ['text with a surrogate', bytes(0x63, 0xed, 0xa0, 0x80), /UTF-8/],
    ['deeper nesting than allowed', cborArray(cborArray(cborArray(cborArray(cborArray())))), /deeper than 4/],
    ['more values than allowed', cborArray(...Array.from({ length: 1000 }, () => one)), /more than 1000/],
    ['more bytes than allowed', cborBytes(new Uint8Array(50)), /longer than 50/, { maxBytes: 50 }],
  ];
  for (const [name, input, reason, limits] of refused) {
    test(`${name}: refused`, () => {
      expect(() => read(input, limits)).toThrow(RefusalError);
      expect(() => read(input, limits)).toThrow(reason);
    });
  }

  const declared = cborHead(4, 0xffff_ffff).slice(1);
  const bombs: readonly [name: string, input: Uint8Array<ArrayBuffer>][] = [
    ['ten thousand nested tags', concatBytes(...Array.from({ length: 10_000 }, () => bytes(0xd2)), one)],
    ['a hundred thousand nested arrays', new Uint8Array(100_000).fill(0x81)],
    ['a hundred thousand nested maps', new Uint8Array(100_000).fill(0xa1)],
    ['4 GB of bytes declared', concatBytes(bytes(0x5a), declared)],
    ['4 GB of text declared', concatBytes(bytes(0x7a), declared)],
    ['4 billion items declared', concatBytes(bytes(0x9a), declared)],
    ['4 billion entries declared', concatBytes(bytes(0xba), declared)],
    ['2^63 bytes declared', bytes(0x5b, 0x80, 0, 0, 0, 0, 0, 0, 0)],
    ['a million items', concatBytes(cborHead(4, 1_000_000), new Uint8Array(1_000_000))],
    ['a million entries', concatBytes(cborHead(5, 1_000_000), new Uint8Array(2_000_000))],
    ['a million entries without a declared number', concatBytes(bytes(0xbf), new Uint8Array(2_000_000))],
  ];
  for (const [name, input] of bombs) {
    promise('P7', `a bomb is refused after a few of its bytes: ${name}`, () => {
      let touched = 0;
      const watched = new Proxy(input, {
        get(target, property) {
          if (typeof property === 'string' && /^[0-9]+$/.test(property)) touched++;
          const value: unknown = Reflect.get(target, property);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
      expect(() => read(watched, { indefiniteMap: 'outermost' })).toThrow(RefusalError);
      expect(touched).toBeLessThan(3000);
    });
  }

  promise('P7', 'any bytes give a value or a refusal', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (input) => {
        try {
          read(Uint8Array.from(input), { indefiniteMap: 'outermost' });
        } catch (error) {
          expect(error).toBeInstanceOf(RefusalError);
        }
      }),
      { numRuns: 3000 },
    );
  });

  promise('P7', 'no two texts have one value: what is read and written again is the same', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 12 }), (input) => {
        const text = Uint8Array.from(input);
        let value: CborValue;
        try {
          value = read(text);
        } catch {
          return;
        }
        expect(rewrite(value)).toEqual(text);
      }),
      { numRuns: 3000 },
    );
  });
});

function rewrite(value: CborValue): Uint8Array<ArrayBuffer> {
  switch (value.kind) {
    case 'array':
      return cborArray(...value.items.map(rewrite));
    case 'map':
      return cborMap(...[...value.entries].map(([key, one]) => [encode(key), rewrite(one)] as const));
    case 'tag':
      return cborTag(value.tag, rewrite(value.value));
    case 'null':
      return encode(null);
    default:
      return encode(value.value);
  }
}
