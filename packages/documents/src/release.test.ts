import { createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { toHex } from './encoding.ts';
import { type Release, releaseShape, releaseSigned } from './release.ts';
import { ABSENT, changed } from './testing/changed.ts';

interface Vector {
  readonly release: Release;
  readonly signed: string;
}
const { release, signed } = JSON.parse(
  readFileSync(new URL('../vectors/release.json', import.meta.url), 'utf8'),
) as Vector;

promise('P4', 'what is signed of a release is that of the published vector', () => {
  expect(releaseShape.parse(release)).toMatchObject({ ok: true, value: release });
  expect(toHex(releaseSigned(release))).toBe(signed);
  expect(release.signatures).toHaveLength(2);
  for (const { key, signature } of release.signatures) {
    const x = Buffer.from(key, 'hex').toString('base64url');
    const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    expect(verify(null, Buffer.from(signed, 'hex'), publicKey, Buffer.from(signature, 'base64url'))).toBe(true);
  }
});

promise('P4', 'everything in a release but its signatures is signed', () => {
  for (const [path, value] of [
    ['name', 'mail'],
    ['from.manifest', 'ac'.repeat(48)],
    ['from.number', 2],
    ['to.manifest', 'ce'.repeat(48)],
    ['to.number', 5],
  ] as const) {
    expect(toHex(releaseSigned(changed(release, path, value) as Release)), path).not.toBe(signed);
  }
  expect(toHex(releaseSigned({ ...release, from: release.to, to: release.from }))).not.toBe(signed);
  expect(toHex(releaseSigned({ ...release, signatures: [] } as Release))).toBe(signed);
});

for (const [path, bad] of Object.entries({
  type: ['vitrine/release/v2', 1, ABSENT],
  name: ['', '.x', 'a b', 'a'.repeat(65), 1, ABSENT],
  from: ['ab'.repeat(48), null, ABSENT],
  'from.manifest': ['ab'.repeat(47), 'AB'.repeat(48), ABSENT],
  'from.number': [0, 1.5, '3', 2 ** 53, ABSENT],
  'to.manifest': ['cd'.repeat(49), ABSENT],
  'to.number': [0, -1, ABSENT],
  'to.delay': [60],
  signatures: [null, {}, ABSENT],
  'signatures.0.key': ['01'.repeat(31), 'AB'.repeat(32), ABSENT],
  'signatures.0.signature': ['A'.repeat(85), `${'A'.repeat(86)}=`, ABSENT],
  witness: [1],
} as Readonly<Record<string, readonly unknown[]>>)) {
  promise('P4', `a release with a wrong ${path} is none`, () => {
    for (const value of bad) {
      expect(releaseShape.parse(changed(release, path, value)).ok, String(value).slice(0, 40)).toBe(false);
    }
  });
}

promise('P4', 'any value is a release or refused', () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      expect(releaseShape.parse(value).ok).toBe(false);
    }),
  );
});
