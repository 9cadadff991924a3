import { createHmac, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { type Cipher, createCipher, NONCE_BYTES } from './cipher.ts';
import { keyedHash } from './keyed-hash.ts';
import { bytes } from './testing/fresh-store.ts';

const KEY = new Uint8Array(32).fill(1);
const CONTENT = bytes('one hundred coins');
const AD = bytes('where it belongs');

function cipher(random: (count: number) => Uint8Array = (count) => new Uint8Array(randomBytes(count))): Cipher {
  return createCipher(Uint8Array.from(KEY), keyedHash(new Uint8Array(32).fill(2)), random);
}

test('the keyed hash is the HMAC-SHA-256 of node:crypto', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.array(fc.uint8Array({ maxLength: 200 })), (key, parts) => {
      const theirs = createHmac('sha256', key).update(Buffer.concat(parts)).digest();
      expect(Buffer.from(keyedHash(key).digest(...parts)).equals(theirs)).toBe(true);
    }),
  );
  expect(() => keyedHash(new Uint8Array(65))).toThrow(RangeError);
});

describe('what was sealed', () => {
  promise('P1', 'a sealed record opens under nothing but its own key and associated data, and not in part', () => {
    const one = cipher();
    const sealed = one.seal(AD, CONTENT);
    expect(one.open(AD, sealed)).toEqual(CONTENT);
    expect(one.open(bytes('elsewhere'), sealed)).toBeUndefined();
    const other = createCipher(new Uint8Array(32), keyedHash(KEY), (count) => new Uint8Array(count));
    expect(other.open(AD, sealed)).toBeUndefined();
  });

  promise('P1', 'any flipped bit of a sealed record is refused', () => {
    const one = cipher();
    const { seal, body } = one.seal(AD, CONTENT);
    const flipped = (part: Uint8Array, bit: number): Uint8Array => {
      const copy = Uint8Array.from(part);
      copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      return copy;
    };
    for (let bit = 0; bit < seal.length * 8; bit++)
      expect(one.open(AD, { seal: flipped(seal, bit), body })).toBeUndefined();
    for (let bit = 0; bit < body.length * 8; bit += 5) {
      expect(one.open(AD, { seal, body: flipped(body, bit) })).toBeUndefined();
    }
  });

  test.each([
    ['cut', (body: Uint8Array) => body.subarray(0, -1)],
    ['empty', () => new Uint8Array(0)],
    ['longer', (body: Uint8Array) => Uint8Array.from([...body, 0])],
  ])('a body that is %s is refused', (_, change) => {
    const one = cipher();
    const { seal, body } = one.seal(AD, CONTENT);
    expect(one.open(AD, { seal, body: change(body) })).toBeUndefined();
    expect(one.open(AD, { seal: seal.subarray(1), body })).toBeUndefined();
  });
});

describe('nonces', () => {
  promise('P1', 'no two of twenty thousand writes share a nonce, of one content as of many', () => {
    const one = cipher();
    const seen = new Set<string>();
    for (let count = 0; count < 20_000; count++) {
      const { seal } = one.seal(AD, Uint8Array.of(count % 3));
      seen.add(Buffer.from(seal.subarray(0, NONCE_BYTES)).toString('latin1'));
    }
    expect(seen.size).toBe(20_000);
  });

  promise('P1', 'copies of a machine that draw the same random bytes use different nonces for different writes', () => {
    const same = (count: number): Uint8Array => new Uint8Array(count).fill(9);
    const seals = [
      cipher(same).seal(AD, bytes('left')),
      cipher(same).seal(AD, bytes('right')),
      cipher(same).seal(bytes('another record'), bytes('left')),
    ].map(({ seal }) => Buffer.from(seal.subarray(0, NONCE_BYTES)).toString('hex'));
    expect(new Set(seals).size).toBe(3);
  });

  test('a source that gives too few random bytes is refused', () => {
    expect(() => cipher(() => new Uint8Array(23)).seal(AD, CONTENT)).toThrow(/23 bytes/);
  });
});
