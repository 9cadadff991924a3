/**
 * The primitives as the ring uses them, against Wycheproof.
 *
 * @module
 */
import {
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
  verify,
  webcrypto,
} from 'node:crypto';
import { p256 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { fromHex, toHex } from '@vitrine/documents';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { missingVectors, readTextVector } from '../../../../test/vectors.ts';
import { privateKeyObject } from './raw-keys.ts';

interface Case {
  readonly tcId: number;
  readonly result: 'valid' | 'invalid' | 'acceptable';
  readonly flags: readonly string[];
  readonly [field: string]: string | number | readonly string[];
}
interface Group {
  readonly publicKey?: { readonly uncompressed: string };
  readonly publicKeyDer?: string;
  readonly ivSize?: number;
  readonly tagSize?: number;
  readonly keySize?: number;
  readonly tests: readonly Case[];
}

const bytes = (text: unknown): Uint8Array<ArrayBuffer> => {
  const value = typeof text === 'string' ? fromHex(text) : undefined;
  if (value === undefined) throw new Error(`not hexadecimal: ${String(text)}`);
  return value;
};
const holds = (decide: () => boolean): boolean => {
  try {
    return decide();
  } catch {
    return false;
  }
};

/** Numbers of the cases that come out wrong, and how many there were. */
async function judge(
  file: string,
  decide: (one: Case, group: Group) => boolean | Promise<boolean>,
  groups: (group: Group) => boolean = () => true,
): Promise<{ readonly wrong: readonly number[]; readonly count: number }> {
  const suite = JSON.parse(readTextVector(`wycheproof/${file}`)) as { readonly testGroups: readonly Group[] };
  const wrong: number[] = [];
  let count = 0;
  for (const group of suite.testGroups.filter(groups)) {
    for (const one of group.tests) {
      count++;
      const good = await decide(one, group);
      if (one.result !== 'acceptable' && good !== (one.result === 'valid')) wrong.push(one.tcId);
    }
  }
  return { wrong, count };
}

const ecdsa =
  (curve: typeof secp256k1, format: 'der' | 'compact', lowS: boolean) =>
  (one: Case, group: Group): boolean =>
    holds(() =>
      curve.verify(bytes(one['sig']), bytes(one['msg']), bytes(group.publicKey?.uncompressed), { format, lowS }),
    );

const suites: readonly [file: string, count: number, decide: ReturnType<typeof ecdsa>][] = [
  ['ecdsa_secp256k1_sha256_bitcoin_test.json', 463, ecdsa(secp256k1, 'der', true)],
  ['ecdsa_secp256k1_sha256_test.json', 476, ecdsa(secp256k1, 'der', false)],
  ['ecdsa_secp256r1_sha256_test.json', 484, ecdsa(p256, 'der', false)],
  ['ecdsa_secp256r1_sha256_p1363_test.json', 262, ecdsa(p256, 'compact', false)],
];
for (const [file, count, decide] of suites) {
  promise.unless(missingVectors, 'P4', `every case of ${file} gives its expected result`, async () => {
    expect(await judge(file, decide)).toEqual({ wrong: [], count });
  });
}

promise.unless(missingVectors, 'P4', 'every case of Ed25519 gives its expected result', async () => {
  const decide = (one: Case, group: Group): boolean =>
    holds(() => {
      const key = createPublicKey({ key: Buffer.from(bytes(group.publicKeyDer)), format: 'der', type: 'spki' });
      return verify(null, bytes(one['msg']), key, bytes(one['sig']));
    });
  expect(await judge('ed25519_test.json', decide)).toEqual({ wrong: [], count: 151 });
});

const x25519Public = (raw: Uint8Array): KeyObject =>
  createPublicKey({
    key: { kty: 'OKP', crv: 'X25519', x: Buffer.from(raw).toString('base64url') },
    format: 'jwk',
  });

promise.unless(missingVectors, 'P4', 'every case of X25519 gives its expected result, on both interfaces', async () => {
  const acceptedZeros: number[] = [];
  const decide = async (one: Case): Promise<boolean> => {
    const secret = bytes(one['private']);
    const byNode = holds(() => {
      const publicKey = x25519Public(bytes(one['public']));
      return toHex(diffieHellman({ privateKey: privateKeyObject('x25519', secret), publicKey })) === one['shared'];
    });
    const byWeb = await webShared(secret, bytes(one['public']));
    if (/^0+$/.test(String(one['shared'])) && (byNode || byWeb !== undefined)) acceptedZeros.push(one.tcId);
    return byNode && byWeb === one['shared'];
  };
  expect(await judge('x25519_test.json', decide)).toEqual({ wrong: [], count: 518 });
  // The other side chose a point of low order: RFC 9180 section 7.1.4 has this refused.
  expect(acceptedZeros).toEqual([]);
});

async function webShared(secret: Uint8Array, publicKey: Uint8Array<ArrayBuffer>): Promise<string | undefined> {
  try {
    const der = Uint8Array.from(privateKeyObject('x25519', secret).export({ type: 'pkcs8', format: 'der' }));
    const own = await webcrypto.subtle.importKey('pkcs8', der, 'X25519', false, ['deriveBits']);
    const theirs = await webcrypto.subtle.importKey('raw', publicKey, 'X25519', true, []);
    return toHex(new Uint8Array(await webcrypto.subtle.deriveBits({ name: 'X25519', public: theirs }, own, 256)));
  } catch {
    return undefined;
  }
}

promise.unless(missingVectors, 'P4', 'every case of AES-256-GCM with our sizes gives its expected result', async () => {
  const open = (one: Case, tagBytes: number): boolean =>
    holds(() => {
      const decipher = createDecipheriv('aes-256-gcm', bytes(one['key']), bytes(one['iv']), { authTagLength: 16 });
      decipher.setAAD(bytes(one['aad'])).setAuthTag(bytes(one['tag']).subarray(0, tagBytes));
      const plaintext = Buffer.concat([decipher.update(bytes(one['ct'])), decipher.final()]);
      return toHex(plaintext) === one['msg'];
    });
  const ours = ({ ivSize, tagSize, keySize }: Group): boolean => ivSize === 96 && tagSize === 128 && keySize === 256;
  const { wrong, count } = await judge('aes_gcm_test.json', (one) => open(one, 16), ours);
  expect(wrong).toEqual([]);
  expect(count).toBeGreaterThan(50);
  for (const shorter of [0, 4, 8, 12, 15]) {
    let opened = 0;
    await judge('aes_gcm_test.json', (one) => open(one, shorter) && ++opened > 0, ours);
    expect(opened, `tags of ${shorter} bytes`).toBe(0);
  }
});

promise.unless(missingVectors, 'P4', 'every case of HKDF-SHA-256 gives its expected result', async () => {
  const decide = (one: Case): boolean =>
    holds(() => {
      const okm = hkdfSync('sha256', bytes(one['ikm']), bytes(one['salt']), bytes(one['info']), Number(one['size']));
      return toHex(new Uint8Array(okm)) === one['okm'];
    });
  expect(await judge('hkdf_sha256_test.json', decide)).toEqual({ wrong: [], count: 86 });
});
