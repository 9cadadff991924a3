import { fromHex, toHex } from '@vitrine/documents';
import { generateKeyPair, pointOf, signRaw } from '@vitrine/simulator/faults';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { missingVectors, readTextVector } from '../../../../test/vectors.ts';
import * as node from './crypto-node.ts';
import * as web from './crypto-web.ts';
import { verifyEndorsedSignature } from './endorsed-signature.ts';
import { isP256Point, isP256Signature } from './p256.ts';

const ORDER = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
const PRIME = 'ffffffff00000001000000000000000000000000ffffffffffffffffffffffff';
const key = generateKeyPair();
const point = pointOf(key);
const message = new TextEncoder().encode('message');
const signature = signRaw(key, message);
const hex = (text: string): Uint8Array<ArrayBuffer> => fromHex(text) ?? new Uint8Array();
const [r, s] = [toHex(signature.subarray(0, 32)), toHex(signature.subarray(32))];
/** Digits of n − s: the other signature of the same text, which ECDSA accepts. */
const highS = (BigInt(`0x${ORDER}`) - BigInt(`0x${s}`)).toString(16).padStart(64, '0');

const implementations = [
  ['node:crypto', node.verifyEcdsaP256],
  ['WebCrypto', web.verifyEcdsaP256],
  ['remembered', verifyEndorsedSignature],
] as const;

describe.each(implementations)('ECDSA on P-256 by %s', (_, verify) => {
  promise('P7', 'a good signature verifies, again and again', async () => {
    expect(await verify(point, message, signature)).toBe(true);
    expect(await verify(point, message, signature)).toBe(true);
    expect(await verify(point, message, hex(r + highS))).toBe(true);
  });

  const bad: readonly [
    name: string,
    key: Uint8Array<ArrayBuffer>,
    message: Uint8Array<ArrayBuffer>,
    signature: Uint8Array<ArrayBuffer>,
  ][] = [
    ['another text', point, new TextEncoder().encode('Message'), signature],
    ['an empty text', point, new Uint8Array(), signature],
    ['another key', pointOf(generateKeyPair()), message, signature],
    ['r = 0', point, message, hex('00'.repeat(32) + s)],
    ['s = 0', point, message, hex(r + '00'.repeat(32))],
    ['r = n', point, message, hex(ORDER + s)],
    ['s = n', point, message, hex(r + ORDER)],
    ['r and s swapped', point, message, hex(s + r)],
    ['all zeros', point, message, new Uint8Array(64)],
    ['all ones', point, message, new Uint8Array(64).fill(0xff)],
    ['a byte too few', point, message, signature.subarray(0, 63)],
    ['a byte too many', point, message, Uint8Array.of(...signature, 0)],
    ['no signature', point, message, new Uint8Array()],
    ['a key off the curve', Uint8Array.from(point.with(63, (point[63] ?? 0) ^ 1)), message, signature],
    ['a key of zeros', new Uint8Array(64), message, signature],
    ['a key with x = p', hex(PRIME + toHex(point.subarray(32))), message, signature],
    [
      'a key with y ≥ p',
      Uint8Array.from([...point.subarray(0, 32), ...new Uint8Array(32).fill(0xff)]),
      message,
      signature,
    ],
    ['a key with its prefix', Uint8Array.of(4, ...point), message, signature],
    ['a key of 32 bytes', point.subarray(0, 32), message, signature],
  ];
  for (const [name, wrongKey, text, wrong] of bad) {
    promise('P7', `${name} verifies nothing`, async () => {
      expect(await verify(wrongKey, text, wrong)).toBe(false);
      expect(await verify(wrongKey, text, wrong)).toBe(false);
    });
  }

  promise.unless(missingVectors, 'P7', 'every Wycheproof case gives its expected result', async () => {
    const suite = JSON.parse(readTextVector('wycheproof/ecdsa_secp256r1_sha256_p1363_test.json')) as Wycheproof;
    const wrong: number[] = [];
    for (const { publicKey, tests } of suite.testGroups) {
      for (const { tcId, msg, sig, result } of tests) {
        const good = await verify(hex(publicKey.uncompressed.slice(2)), hex(msg), hex(sig));
        if (good !== (result === 'valid')) wrong.push(tcId);
      }
    }
    expect(wrong).toEqual([]);
  });
});

interface Wycheproof {
  readonly testGroups: readonly {
    readonly publicKey: { readonly uncompressed: string };
    readonly tests: readonly {
      readonly tcId: number;
      readonly msg: string;
      readonly sig: string;
      readonly result: string;
    }[];
  }[];
}

describe('ranges, without any library', () => {
  const below = (BigInt(`0x${ORDER}`) - 1n).toString(16);
  const one = `${'00'.repeat(31)}01`;
  const zero = '00'.repeat(32);
  const signatures: readonly [name: string, r: string, s: string, expected: boolean][] = [
    ['1 and 1', one, one, true],
    ['n - 1 and n - 1', below, below, true],
    ['0 and 1', zero, one, false],
    ['1 and 0', one, zero, false],
    ['n and 1', ORDER, one, false],
    ['1 and n', one, ORDER, false],
    ['a short one', one, '01', false],
  ];
  for (const [name, first, second, expected] of signatures) {
    test(`r and s are ${name}: ${expected}`, () => expect(isP256Signature(hex(first + second))).toBe(expected));
  }

  test('a point is on the curve or not', () => {
    expect(isP256Point(point)).toBe(true);
    expect(isP256Point(point.with(0, (point[0] ?? 0) ^ 1))).toBe(false);
    expect(isP256Point(hex(zero + zero))).toBe(false);
    expect(isP256Point(point.subarray(1))).toBe(false);
  });
});

describe('digests', () => {
  test('are those of the standard, on both platforms', async () => {
    const abc = new TextEncoder().encode('abc');
    for (const { sha256, sha384 } of [node, web]) {
      expect(toHex(await sha256(abc))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
      expect(toHex(await sha384(abc))).toBe(
        'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7',
      );
    }
  });
});
