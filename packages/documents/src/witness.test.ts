import { createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { toHex } from './encoding.ts';
import { type Release, releaseDigest } from './release.ts';
import { ABSENT, changed } from './testing/changed.ts';
import { secondsWitnessed, type WitnessStatement, witnessStatementShape, witnessStatementSigned } from './witness.ts';

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8'));
const { statement, signed } = read('witness-statement.json') as {
  readonly statement: WitnessStatement;
  readonly signed: string;
};
const { withMeasurements } = read('release.json') as { readonly withMeasurements: { readonly release: Release } };

promise('P4', 'what a witness signs is that of the published vector', async () => {
  expect(witnessStatementShape.parse(statement)).toMatchObject({ ok: true, value: statement });
  expect(toHex(witnessStatementSigned(statement))).toBe(signed);
  expect(statement.release).toBe(await releaseDigest(withMeasurements.release));
  expect(withMeasurements.release.witnessed).toEqual([statement]);
  expect(secondsWitnessed(statement)).toBe(7 * 86_400);
  const x = Buffer.from(statement.key, 'hex').toString('base64url');
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  expect(verify(null, Buffer.from(signed, 'hex'), publicKey, Buffer.from(statement.signature, 'base64url'))).toBe(true);
});

promise('P4', 'everything in a statement but its signature is signed', () => {
  for (const [path, value] of [
    ['release', 'ab'.repeat(48)],
    ['firstSeen', '2026-11-23T09:00:01Z'],
    ['stated', '2026-11-30T09:00:01Z'],
    ['key', '0a'.repeat(32)],
  ] as const) {
    expect(toHex(witnessStatementSigned(changed(statement, path, value) as WitnessStatement)), path).not.toBe(signed);
  }
  const swapped = { ...statement, firstSeen: statement.stated, stated: statement.firstSeen };
  expect(toHex(witnessStatementSigned(swapped))).not.toBe(signed);
  const resigned = changed(statement, 'signature', 'A'.repeat(86)) as WitnessStatement;
  expect(toHex(witnessStatementSigned(resigned))).toBe(signed);
});

promise('P4', 'a statement is of the release whoever has signed that, and of no other', async () => {
  const { release } = withMeasurements;
  const digest = await releaseDigest(release);
  expect(await releaseDigest({ ...release, signatures: [], witnessed: [] } as Release)).toBe(digest);
  for (const [path, value] of [
    ['name', 'mail'],
    ['from.number', 2],
    ['to.manifest', 'ce'.repeat(48)],
    ['to.measurements.0.registers.mrtd', '10'.repeat(48)],
    ['to.measurements', ABSENT],
  ] as const) {
    expect(await releaseDigest(changed(release, path, value) as Release), path).not.toBe(digest);
  }
});

for (const [path, bad] of Object.entries({
  type: ['vitrine/witness-statement/v2', 'vitrine/release/v1', ABSENT],
  release: ['ab'.repeat(32), 'AB'.repeat(48), ABSENT],
  firstSeen: ['2026-11-23T09:00:00.5Z', '2026-11-23T09:00:00+00:00', '2026-11-31T09:00:00Z', 0, ABSENT],
  stated: ['2026-11-30', '2026-11-30T24:00:00Z', '2026-11-23T08:59:59Z', null, ABSENT],
  key: ['01'.repeat(31), ABSENT],
  signature: ['A'.repeat(85), ABSENT],
  number: [1],
} as Readonly<Record<string, readonly unknown[]>>)) {
  promise('P4', `a statement with a wrong ${path} is none`, () => {
    for (const value of bad) {
      expect(witnessStatementShape.parse(changed(statement, path, value)).ok, String(value)).toBe(false);
    }
  });
}

promise('P4', 'what was stated in the second of the first sight is a statement of no delay', () => {
  const fresh = { ...statement, stated: statement.firstSeen };
  expect(witnessStatementShape.parse(fresh).ok).toBe(true);
  expect(secondsWitnessed(fresh)).toBe(0);
});

promise('P4', 'any value is a statement or refused', () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      expect(witnessStatementShape.parse(value).ok).toBe(false);
    }),
  );
});
