import { readFileSync } from 'node:fs';
import { fromHex, toHex } from '@vitrine/documents';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { ecdsaScalar, isEcdsaScalar } from '../ring/signing-keys.ts';
import { type DerivationPath, derivationInfo, derive } from './derive.ts';
import { lengthPrefixed, uint32 } from './length-prefixed.ts';

interface Published {
  readonly root: string;
  readonly vectors: readonly {
    readonly what: string;
    readonly path: DerivationPath;
    readonly length: number;
    readonly info: string;
    readonly output: string;
  }[];
  readonly scalars: readonly {
    readonly curve: 'secp256k1' | 'p256';
    readonly seed: string;
    readonly scalar: string;
  }[];
}

const published = JSON.parse(
  readFileSync(new URL('../../vectors/derivation.json', import.meta.url), 'utf8'),
) as Published;
const bytes = (text: string): Uint8Array => {
  const value = fromHex(text);
  if (value === undefined) throw new Error(`not hexadecimal: ${text}`);
  return value;
};
const root = bytes(published.root);
const base: DerivationPath = { usage: 'key', algorithm: 'ed25519', name: 'a', version: 1, scope: 'service' };
const derived = (path: Partial<DerivationPath>, length = 32): string =>
  toHex(derive(root, { ...base, ...path }, length));

describe('published vectors', () => {
  for (const { what, path, length, info, output } of published.vectors) {
    promise('P4', `derivation of ${what}`, () => {
      expect(toHex(derivationInfo(path, length))).toBe(info);
      expect(toHex(derive(root, path, length))).toBe(output);
    });
  }

  test.each(published.scalars)('scalar of $curve from $seed', ({ curve, seed, scalar }) => {
    expect(toHex(ecdsaScalar(curve, bytes(seed)))).toBe(scalar);
    expect(isEcdsaScalar(curve, bytes(scalar))).toBe(true);
  });

  test('no two vectors have one output or one info', () => {
    expect(new Set(published.vectors.map(({ output }) => output)).size).toBe(published.vectors.length);
    expect(new Set(published.vectors.map(({ info }) => info)).size).toBe(published.vectors.length);
  });
});

describe('no two paths meet', () => {
  const other: readonly [what: string, path: Partial<DerivationPath>][] = [
    ['usage', { usage: 'store' }],
    ['algorithm', { algorithm: 'secp256k1' }],
    ['name', { name: 'b' }],
    ['version', { version: 2 }],
    ['scope', { scope: 'instance' }],
    ['purpose', { purpose: 'a' }],
  ];
  for (const [what, path] of other) {
    promise('P4', `another ${what} is another secret`, () => {
      expect(derived(path)).not.toBe(derived({}));
    });
  }

  promise('P4', 'one name for every algorithm gives unrelated secrets', () => {
    const algorithms = ['ed25519', 'secp256k1', 'p256', 'x25519', 'aes256'];
    expect(new Set(algorithms.map((algorithm) => derived({ algorithm }))).size).toBe(algorithms.length);
  });

  promise('P4', 'a field with a separator is not two fields', () => {
    const all = [
      derived({ name: 'a/b' }),
      derived({ name: 'a', purpose: 'b' }),
      derived({ name: 'a/', purpose: 'b' }),
      derived({ name: 'a', purpose: '/b' }),
      derived({ name: 'ab', purpose: 'c' }),
      derived({ name: 'a', purpose: 'bc' }),
      derived({ algorithm: 'ed25519a', name: 'b' }),
      derived({ algorithm: 'ed25519', name: 'ab' }),
      derived({ name: 'a\0' }),
      derived({ name: 'a' }),
    ];
    expect(new Set(all).size).toBe(all.length);
  });

  promise('P4', 'a short secret is not the beginning of a longer one', () => {
    expect(derived({}, 64).startsWith(derived({}, 32))).toBe(false);
  });

  promise('P4', 'another root is another secret', () => {
    expect(toHex(derive(new Uint8Array(32).fill(1), base, 32))).not.toBe(derived({}));
  });

  const field = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 });
  const anyPath: fc.Arbitrary<DerivationPath> = fc.record(
    {
      usage: field,
      algorithm: field,
      name: field,
      version: fc.integer({ min: 1, max: 0xffffffff }),
      scope: fc.constantFrom('service', 'instance'),
      purpose: field,
    },
    { requiredKeys: ['usage', 'algorithm', 'name', 'version', 'scope'] },
  );
  promise('P4', 'infos are equal only for equal paths and lengths', () => {
    const length = fc.integer({ min: 16, max: 1024 });
    fc.assert(
      fc.property(anyPath, length, anyPath, length, (left, leftLength, right, rightLength) => {
        const same =
          JSON.stringify([{ ...base, ...left }, leftLength]) === JSON.stringify([{ ...base, ...right }, rightLength]);
        expect(toHex(derivationInfo(left, leftLength)) === toHex(derivationInfo(right, rightLength))).toBe(same);
      }),
    );
  });

  promise('P4', 'moving the border between two fields changes the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(40), fc.nat(40), (whole, one, two) => {
        const [left, right] = [Math.min(one, whole.length), Math.min(two, whole.length)];
        const at = (place: number): string =>
          toHex(lengthPrefixed('t', [whole.subarray(0, place), whole.subarray(place)]));
        expect(at(left) === at(right)).toBe(left === right);
      }),
    );
  });
});

describe('refusals', () => {
  const bad: readonly [what: string, path: Partial<DerivationPath>, code: string][] = [
    ['an empty usage', { usage: '' }, 'keys.derivation'],
    ['an empty algorithm', { algorithm: '' }, 'keys.derivation'],
    ['an empty name', { name: '' }, 'keys.derivation'],
    ['an empty purpose', { purpose: '' }, 'keys.derivation'],
    ['version 0', { version: 0 }, 'keys.derivation'],
    ['a negative version', { version: -1 }, 'keys.derivation'],
    ['half a version', { version: 1.5 }, 'keys.number-range'],
    ['version 2^32', { version: 2 ** 32 }, 'keys.number-range'],
    ['a version that is no number', { version: Number.NaN }, 'keys.number-range'],
    ['a lone surrogate, which would encode as any other', { name: '\ud800' }, 'keys.text'],
    ['a name that is too long', { name: 'a'.repeat(2000) }, 'keys.derivation'],
    ['a name that does not fit its length', { name: 'a'.repeat(70_000) }, 'keys.field-too-long'],
  ];
  for (const [what, path, code] of bad) {
    test(what, () => {
      expect(() => derived(path)).toThrow(expect.objectContaining({ code }));
    });
  }

  test.each([0, 8, 15, 1025, 32.5, -1, Number.NaN])('%d bytes', (length) => {
    expect(() => derived({}, length)).toThrow(expect.objectContaining({ code: 'keys.derivation' }));
  });

  test.each([0, 31, 33, 64])('a root of %i bytes', (length) => {
    expect(() => derive(new Uint8Array(length), base, 32)).toThrow('a root has 32 bytes');
  });

  test.each([0, 32, 47, 49])('a scalar from %i bytes', (length) => {
    expect(() => ecdsaScalar('secp256k1', new Uint8Array(length))).toThrow('48 bytes');
    expect(() => ecdsaScalar('p256', new Uint8Array(length))).toThrow('48 bytes');
  });

  test('numbers outside of 32 bits', () => {
    expect(() => uint32(-1)).toThrow(expect.objectContaining({ code: 'keys.number-range' }));
    expect(toHex(uint32(0xfffffffe))).toBe('fffffffe');
  });
});
