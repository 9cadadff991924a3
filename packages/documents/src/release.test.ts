import { createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { toHex } from './encoding.ts';
import { type Release, releaseDigest, releaseShape, releaseSigned } from './release.ts';
import { ABSENT, changed } from './testing/changed.ts';

interface Vector {
  readonly release: Release;
  readonly signed: string;
}
const vectors = JSON.parse(readFileSync(new URL('../vectors/release.json', import.meta.url), 'utf8')) as Vector & {
  readonly withMeasurements: Vector & { readonly digest: string };
};
const { release, signed, withMeasurements } = vectors;

for (const [what, vector] of Object.entries({ without: vectors, with: withMeasurements })) {
  promise('P4', `what is signed of a release ${what} measurements is that of the published vector`, () => {
    expect(releaseShape.parse(vector.release)).toMatchObject({ ok: true, value: vector.release });
    expect(toHex(releaseSigned(vector.release))).toBe(vector.signed);
    expect(vector.release.signatures).toHaveLength(2);
    for (const { key, signature } of vector.release.signatures) {
      const x = Buffer.from(key, 'hex').toString('base64url');
      const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
      const bytes = Buffer.from(vector.signed, 'hex');
      expect(verify(null, bytes, publicKey, Buffer.from(signature, 'base64url'))).toBe(true);
    }
  });
}

promise('P4', 'measurements are signed, statements of witnesses are not', async () => {
  for (const [path, value] of [
    ['to.measurements', ABSENT],
    ['from.measurements', ABSENT],
    ['from.measurements.0.registers.mrtd', '02'.repeat(48)],
    ['to.measurements.0.technology', 'sgx'],
    ['to.measurements.0.registers.mrtd', '10'.repeat(48)],
    ['to.measurements.0.registers.rtmr0', ABSENT],
    ['to.measurements.0.registers.rtmr1', '13'.repeat(48)],
    ['to.measurements.1', { technology: 'snp', registers: { measurement: '22'.repeat(48) } }],
  ] as const) {
    const other = changed(withMeasurements.release, path, value) as Release;
    expect(toHex(releaseSigned(other)), path).not.toBe(withMeasurements.signed);
  }
  const { from, to } = withMeasurements.release;
  const swapped = { from: { ...from, measurements: to.measurements }, to: { ...to, measurements: from.measurements } };
  expect(toHex(releaseSigned({ ...withMeasurements.release, ...swapped } as Release))).not.toBe(
    withMeasurements.signed,
  );
  expect(toHex(releaseSigned({ ...withMeasurements.release, witnessed: [] } as Release))).toBe(withMeasurements.signed);
  expect(await releaseDigest(withMeasurements.release)).toBe(withMeasurements.digest);
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
  witnessed: [null, {}, [{}], Array.from({ length: 65 }, () => withMeasurements.release.witnessed?.[0])],
  'to.measurements': [
    [],
    {},
    [{ technology: 'tdx', registers: {} }],
    [{ technology: 'TDX', registers: { mrtd: '11'.repeat(48) } }],
    [{ technology: 'tdx', registers: { MRTD: '11'.repeat(48) } }],
    [{ technology: 'tdx', registers: { mrtd: '11'.repeat(15) } }],
    [{ technology: 'tdx', registers: { mrtd: 'AA'.repeat(48) } }],
    [{ technology: 'tdx', registers: { mrtd: `${'11'.repeat(47)}1` } }],
    Array.from({ length: 65 }, () => ({ technology: 'tdx', registers: { mrtd: '11'.repeat(48) } })),
  ],
  'from.measurements': [[], [{ technology: 'sev', registers: { measurement: '21'.repeat(48) } }]],
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
