/**
 * ECDSA on P-384 and RSA, on both platforms: Wycheproof, a real signature by each algorithm, and
 * the ranges that must not depend on which crypto library runs below.
 *
 * @module
 */
import { constants, createPublicKey, generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { fromHex, toHex } from '@vitrine/documents';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { missingVectors, readTextVector } from '../../../../test/vectors.ts';
import { amdAnchors } from '../snp/anchors.ts';
import { parseCertificate } from '../x509/certificate.ts';
import { AMD_AUTHORITY_PROFILE } from '../x509/profile.ts';
import { type SignatureAlgorithm, verifyEndorsedSignature } from './endorsed-signature.ts';
import { isP384Point, isP384Signature } from './p384.ts';
import { isRsaSignature, rsaModulus, rsaSpki } from './rsa.ts';
import * as node from './signatures-node.ts';
import * as web from './signatures-web.ts';

type Bytes = Uint8Array<ArrayBuffer>;
type Verify = typeof node.verifyEcdsaP384;

const hex = (text: string): Bytes => fromHex(text) ?? new Uint8Array();
const message = new TextEncoder().encode('message');
const other = new TextEncoder().encode('Message');
const spkiOf = (key: ReturnType<typeof createPublicKey>): Bytes =>
  Uint8Array.from(key.export({ type: 'spki', format: 'der' }));
const with1 = (bytes: Bytes, index: number): Bytes => Uint8Array.from(bytes.with(index, (bytes.at(index) ?? 0) ^ 1));

/** One function on both platforms, and behind what remembers good signatures. */
function implementations(
  ofNode: Verify,
  ofWeb: Verify,
  algorithm: SignatureAlgorithm,
): readonly [name: string, verify: Verify][] {
  return [
    ['node:crypto', ofNode],
    ['WebCrypto', ofWeb],
    ['remembered', (key, text, signature) => verifyEndorsedSignature(key, text, signature, algorithm)],
  ];
}

const ec = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const point = spkiOf(ec.publicKey).subarray(-96);
const raw = Uint8Array.from(sign('sha384', message, { key: ec.privateKey, dsaEncoding: 'ieee-p1363' }));
const N384 = 'ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973';
const P384 = 'fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff';
const [r, s] = [toHex(raw.subarray(0, 48)), toHex(raw.subarray(48))];
const highS = (BigInt(`0x${N384}`) - BigInt(`0x${s}`)).toString(16).padStart(96, '0');

describe.each(implementations(node.verifyEcdsaP384, web.verifyEcdsaP384, 'ecdsa-p384-sha384'))(
  'ECDSA on P-384 by %s',
  (_, verify) => {
    promise('P7', 'a good signature verifies, again and again', async () => {
      expect(await verify(point, message, raw)).toBe(true);
      expect(await verify(point, message, raw)).toBe(true);
      expect(await verify(point, message, hex(r + highS))).toBe(true);
    });

    const bad: readonly [name: string, key: Bytes, text: Bytes, signature: Bytes][] = [
      ['another text', point, other, raw],
      ['another key', spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey).subarray(-96), message, raw],
      ['r = 0', point, message, hex('00'.repeat(48) + s)],
      ['s = 0', point, message, hex(r + '00'.repeat(48))],
      ['r = n', point, message, hex(N384 + s)],
      ['s = n', point, message, hex(r + N384)],
      ['r and s swapped', point, message, hex(s + r)],
      ['all zeros', point, message, new Uint8Array(96)],
      ['all ones', point, message, new Uint8Array(96).fill(0xff)],
      ['a byte too few', point, message, raw.subarray(1)],
      ['a byte too many', point, message, Uint8Array.of(...raw, 0)],
      ['a key off the curve', with1(point, 95), message, raw],
      ['a key of zeros', new Uint8Array(96), message, raw],
      ['a key with x = p', hex(P384 + toHex(point.subarray(48))), message, raw],
      ['a key with its prefix', Uint8Array.of(4, ...point), message, raw],
      ['a key of another curve', point.subarray(0, 64), message, raw],
    ];
    for (const [name, key, text, signature] of bad) {
      promise('P7', `${name} verifies nothing`, async () => {
        expect(await verify(key, text, signature)).toBe(false);
        expect(await verify(key, text, signature)).toBe(false);
      });
    }

    promise.unless(
      missingVectors,
      'P7',
      'every Wycheproof case in canonical DER gives its expected result',
      async () => {
        const suite = JSON.parse(readTextVector('wycheproof/ecdsa_secp384r1_sha384_test.json')) as Wycheproof;
        const wrong: number[] = [];
        for (const { publicKey, tests } of suite.testGroups) {
          for (const { tcId, msg, sig, result } of tests) {
            const signature = fromDer(hex(sig));
            if (signature === undefined) {
              if (result === 'valid') wrong.push(tcId);
              continue;
            }
            const good = await verify(hex(publicKey?.uncompressed.slice(2) ?? ''), hex(msg), signature);
            if (good !== (result === 'valid')) wrong.push(tcId);
          }
        }
        expect(wrong).toEqual([]);
      },
    );
  },
);

interface Wycheproof {
  readonly testGroups: readonly {
    readonly publicKey?: { readonly uncompressed: string };
    readonly publicKeyDer?: string;
    readonly tests: readonly {
      readonly tcId: number;
      readonly msg: string;
      readonly sig: string;
      readonly result: 'valid' | 'invalid' | 'acceptable';
    }[];
  }[];
}

/** r ‖ s of an ECDSA-Sig-Value in exactly its one DER form, or `undefined`. */
function fromDer(der: Bytes): Bytes | undefined {
  const out = new Uint8Array(96);
  let offset = 2;
  if (der[0] !== 0x30 || der[1] !== der.length - 2) return undefined;
  for (const start of [0, 48]) {
    const length = der[offset + 1] ?? 0;
    const digits = der.subarray(offset + 2, offset + 2 + length);
    const [first = 0xff, second = 0] = digits;
    const minimal = first < 0x80 && (first !== 0 || second >= 0x80 || length === 1);
    if (der[offset] !== 2 || digits.length !== length || length === 0 || !minimal) return undefined;
    const value = first === 0 && length > 1 ? digits.subarray(1) : digits;
    if (value.length > 48) return undefined;
    out.set(value, start + 48 - value.length);
    offset += 2 + length;
  }
  return offset === der.length ? out : undefined;
}

/** AMD's root of Genoa, which signed itself. */
const root = amdAnchors().find(({ product }) => product === 'Genoa')?.root ?? new Uint8Array();
const amd = parseCertificate(root, 'root', AMD_AUTHORITY_PROFILE);

describe.each(implementations(node.verifyRsaPss384, web.verifyRsaPss384, 'rsa-pss-sha384'))(
  'RSASSA-PSS by %s',
  (_, verify) => {
    promise('P7', "AMD's own signature verifies, again and again", async () => {
      expect(await verify(amd.publicKey, amd.signed, amd.signature)).toBe(true);
      expect(await verify(amd.publicKey, amd.signed, amd.signature)).toBe(true);
    });

    const modulus = rsaModulus(amd.publicKey) ?? new Uint8Array();
    const bad: readonly [name: string, key: Bytes, text: Bytes, signature: Bytes][] = [
      ['another text', amd.publicKey, with1(amd.signed, 100), amd.signature],
      ['another modulus', with1(amd.publicKey, 300), amd.signed, amd.signature],
      ['another exponent', with1(amd.publicKey, -2), amd.signed, amd.signature],
      ['a changed signature', amd.publicKey, amd.signed, with1(amd.signature, 511)],
      ['zero', amd.publicKey, amd.signed, new Uint8Array(512)],
      ['the modulus', amd.publicKey, amd.signed, Uint8Array.from(modulus)],
      ['all ones', amd.publicKey, amd.signed, new Uint8Array(512).fill(0xff)],
      ['a byte too few', amd.publicKey, amd.signed, amd.signature.subarray(1)],
      ['a zero byte too many', amd.publicKey, amd.signed, Uint8Array.of(0, ...amd.signature)],
      ['a key with a byte too many', Uint8Array.of(...amd.publicKey, 0), amd.signed, amd.signature],
      ['a bare modulus', Uint8Array.from(modulus), amd.signed, amd.signature],
      ['no key', new Uint8Array(), amd.signed, amd.signature],
    ];
    for (const [name, key, text, signature] of bad) {
      promise('P7', `${name} verifies nothing`, async () => expect(await verify(key, text, signature)).toBe(false));
    }

    promise('P7', 'a key of 2048 bits verifies nothing', async () => {
      const small = generateKeyPairSync('rsa', { modulusLength: 2048 });
      const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 };
      const signature = Uint8Array.from(sign('sha384', message, { key: small.privateKey, ...padding }));
      expect(await verify(spkiOf(small.publicKey), message, signature)).toBe(false);
    });
  },
);

describe.each(implementations(node.verifyRsaPkcs1Sha256, web.verifyRsaPkcs1Sha256, 'rsa-pkcs1-sha256'))(
  'RSASSA-PKCS1-v1_5 by %s',
  (_, verify) => {
    promise.unless(
      missingVectors,
      'P7',
      'every Wycheproof case with exponent 65537 gives its expected result',
      async () => {
        const suite = JSON.parse(readTextVector('wycheproof/rsa_signature_2048_sha256_test.json')) as Wycheproof;
        const wrong: number[] = [];
        for (const { publicKeyDer = '', tests } of suite.testGroups) {
          const key = hex(publicKeyDer);
          for (const { tcId, msg, sig, result } of tests) {
            const expected = result === 'valid' && rsaModulus(key) !== undefined;
            if ((await verify(key, hex(msg), hex(sig))) !== expected) wrong.push(tcId);
          }
        }
        expect(wrong).toEqual([]);
      },
    );

    promise('P7', 'a signature with another padding or digest verifies nothing', async () => {
      const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      const key = spkiOf(publicKey);
      const good = Uint8Array.from(sign('sha256', message, privateKey));
      const padding = { padding: constants.RSA_PKCS1_PSS_PADDING };
      expect(await verify(key, message, good)).toBe(true);
      expect(await verify(key, other, good)).toBe(false);
      expect(await verify(key, message, Uint8Array.from(sign('sha1', message, privateKey)))).toBe(false);
      expect(
        await verify(key, message, Uint8Array.from(sign('sha256', message, { key: privateKey, ...padding }))),
      ).toBe(false);
    });
  },
);

describe('ranges, without any library', () => {
  const one = `${'00'.repeat(47)}01`;
  const below = (BigInt(`0x${N384}`) - 1n).toString(16);
  test('r and s are in 1 … n - 1', () => {
    expect(isP384Signature(hex(one + one))).toBe(true);
    expect(isP384Signature(hex(below + below))).toBe(true);
    expect(isP384Signature(hex(N384 + one))).toBe(false);
    expect(isP384Signature(hex(one + N384))).toBe(false);
    expect(isP384Signature(hex('00'.repeat(48) + one))).toBe(false);
    expect(isP384Signature(hex(`${one}01`))).toBe(false);
  });

  test('a point is on the curve or not', () => {
    expect(isP384Point(point)).toBe(true);
    expect(isP384Point(with1(point, 0))).toBe(false);
    expect(isP384Point(new Uint8Array(96))).toBe(false);
    expect(isP384Point(point.subarray(1))).toBe(false);
  });

  test('an RSA key has one form', () => {
    const modulus = new Uint8Array(256).fill(0xff);
    const spki = rsaSpki(modulus) ?? new Uint8Array();
    expect(createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }).asymmetricKeyDetails).toMatchObject(
      {
        modulusLength: 2048,
        publicExponent: 65537n,
      },
    );
    expect(rsaModulus(spki)).toEqual(modulus);
    for (const wrong of [spki.subarray(1), Uint8Array.of(...spki, 0), with1(spki, 20), with1(spki, -1)]) {
      expect(rsaModulus(wrong)).toBeUndefined();
    }
    expect(rsaSpki(modulus.with(0, 0x7f))).toBeUndefined();
    expect(rsaSpki(modulus.with(255, 2))).toBeUndefined();
    expect(rsaSpki(modulus.subarray(1))).toBeUndefined();
    expect(rsaSpki(new Uint8Array(513).fill(0xff))).toBeUndefined();
  });

  test('an RSA signature is below the modulus', () => {
    const modulus = new Uint8Array(256).fill(0x80);
    expect(isRsaSignature(modulus.with(255, 0x7f), modulus)).toBe(true);
    expect(isRsaSignature(modulus, modulus)).toBe(false);
    expect(isRsaSignature(modulus.with(255, 0x81), modulus)).toBe(false);
    expect(isRsaSignature(modulus.subarray(1), modulus)).toBe(false);
  });

  test('SHA-512 is that of the standard, on both platforms', async () => {
    const abc = new TextEncoder().encode('abc');
    for (const { sha512 } of [node, web]) {
      expect(toHex(await sha512(abc))).toMatch(/^ddaf35a193617abacc417349ae204131.*54ca49f$/);
    }
  });
});

test("Node's reader agrees on AMD's root", () => {
  expect(
    new X509Certificate(root).verify(createPublicKey({ key: Buffer.from(amd.publicKey), format: 'der', type: 'spki' })),
  ).toBe(true);
});
