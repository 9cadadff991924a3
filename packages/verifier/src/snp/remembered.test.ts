/**
 * What is remembered of certificates saves reading and computing, and decides nothing: time, root and
 * bytes are judged anew each time.
 *
 * @module
 */
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { HardwareOutcome } from '../technology.ts';
import { type ForgedSnp, forgeSnp, generateSnpKeys, SNP_NOW } from '../testing/forged-snp.ts';
import { type SnpInputs, verifySnp } from './verify-snp.ts';

const keys = await generateSnpKeys();
const given = (by = keys): ForgedSnp =>
  forgeSnp(by, {
    anchors: (anchor) => [{ ...anchor, authorities: [] }],
    certificates: ({ leaf, authority }) => [leaf, authority],
  });

const OTHER_ANCHORS = given({ ...keys, root: keys.authority }).inputs.anchors ?? [];

/** The first check that does not hold. */
function deciding({ checks }: HardwareOutcome): string | undefined {
  const of = (status: string): string | undefined => checks.find((check) => check.status === status)?.id;
  return of('failed') ?? of('unavailable');
}

async function judgeAfterGood(change: (good: SnpInputs) => SnpInputs): Promise<string | undefined> {
  const { report, inputs } = given();
  for (let time = 0; time < 2; time++) expect(deciding(await verifySnp(report, inputs))).toBeUndefined();
  const outcome = deciding(await verifySnp(report, change(inputs)));
  expect(deciding(await verifySnp(report, inputs))).toBeUndefined();
  return outcome;
}

const days = (count: number): Date => new Date(SNP_NOW.getTime() + count * 86_400_000);
const changedAt = (der: Uint8Array<ArrayBuffer>, place: number): Uint8Array<ArrayBuffer> =>
  der.map((byte, index) => (index === (place < 0 ? der.length + place : place) ? byte ^ 1 : byte));

describe('after the same report was good', () => {
  const faults: readonly (readonly [name: string, check: string, change: (good: SnpInputs) => SnpInputs])[] = [
    ['certificates that have run out', 'snp.vcek-chain', (good) => ({ ...good, now: days(1001) })],
    ['certificates that are not yet in force', 'snp.vcek-chain', (good) => ({ ...good, now: days(-101) })],
    ['a root with another key', 'snp.vcek-chain', (good) => ({ ...good, anchors: OTHER_ANCHORS })],
    ['no root', 'snp.vcek-chain', (good) => ({ ...good, anchors: [] })],
    ['no authority', 'snp.vcek-chain', (good) => certificates(good, ([leaf]) => [leaf ?? new Uint8Array()])],
    ['a signature of the authority with a changed end', 'snp.vcek-chain', (good) => changed(good, 1, -1)],
    ['a certificate whose signature has a changed beginning', 'snp.vcek-chain', (good) => changed(good, 0, -512)],
  ];
  for (const [name, check, change] of faults) {
    promise('P7', `${name} is refused all the same`, async () => {
      expect(await judgeAfterGood(change)).toBe(check);
    });
  }

  promise('P7', 'bytes that the caller changes are other bytes', async () => {
    const { report, inputs } = given();
    expect(deciding(await verifySnp(report, inputs))).toBeUndefined();
    const [leaf] = inputs.endorsements.certificates;
    leaf?.set(leaf.map((byte, index) => (index === leaf.length - 300 ? byte ^ 1 : byte)));
    expect(deciding(await verifySnp(report, inputs))).toBe('snp.vcek-chain');
  });
});

function certificates(
  good: SnpInputs,
  change: (good: SnpInputs['endorsements']['certificates']) => SnpInputs['endorsements']['certificates'],
): SnpInputs {
  return { ...good, endorsements: { ...good.endorsements, certificates: change(good.endorsements.certificates) } };
}

function changed(good: SnpInputs, index: number, place: number): SnpInputs {
  return certificates(good, (ders) => ders.map((der, at) => (at === index ? changedAt(der, place) : der)));
}
