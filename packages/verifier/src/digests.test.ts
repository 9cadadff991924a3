import { type DcapCollateral, documentDigest } from '@vitrine/documents';
import { forgeCollateral, forgePki } from '@vitrine/simulator/faults';
import { describe, expect, test } from 'vitest';
import { endorsementsDigest, policyDigest } from './digests.ts';
import { endorsementsDocument } from './endorsement-file.ts';
import { presets } from './policy-file.ts';
import { NOW } from './testing/forged.ts';

const collateral = forgeCollateral(forgePki({ now: NOW }));
const reversed = Object.fromEntries(Object.entries(collateral).reverse()) as DcapCollateral;

describe('digests in results', () => {
  test('are those of the canonical documents, also when they come again', async () => {
    const other = { ...collateral, tcb_info: '{"note":"\u00fc \\" \\u0000 \u2028"}' };
    const certificate = { certificate: Uint8Array.of(0x30, 0) };
    const longer = { certificate: Uint8Array.of(0x30, 0, 0) };
    const list = { revocationList: Uint8Array.of(0x30, 0) };
    for (const given of [
      [collateral],
      [reversed],
      [collateral, other],
      [other],
      [collateral, certificate],
      [certificate],
      [list],
      [longer, list],
      [certificate, longer],
      [longer, certificate],
    ]) {
      const expected = await documentDigest(endorsementsDocument(given) ?? {});
      expect(await endorsementsDigest(given)).toBe(expected);
      expect(await endorsementsDigest(given)).toBe(expected);
    }
    for (const policy of Object.values(presets)) {
      expect(await policyDigest(policy)).toBe(await documentDigest(policy));
      expect(await policyDigest({ ...policy })).toBe(await documentDigest(policy));
    }
  });

  test('follow an object that was changed', async () => {
    const changing = { ...collateral };
    const before = await endorsementsDigest([changing]);
    changing.pck_crl = `${changing.pck_crl}00`;
    expect(await endorsementsDigest([changing])).not.toBe(before);
    const certificate = Uint8Array.of(0x30, 0);
    const ofCertificate = await endorsementsDigest([{ certificate }]);
    certificate[1] = 1;
    expect(await endorsementsDigest([{ certificate }])).not.toBe(ofCertificate);
    const policy = structuredClone(presets.default) as { provenance: 'any' | 'required' } & typeof presets.default;
    const old = await policyDigest(policy);
    policy.provenance = policy.provenance === 'any' ? 'required' : 'any';
    expect(await policyDigest(policy)).not.toBe(old);
  });

  test('of no endorsements is none', async () => {
    expect(await endorsementsDigest([])).toBeNull();
  });
});
