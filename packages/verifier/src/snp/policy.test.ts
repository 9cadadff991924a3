import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { SNP_POLICY } from '../testing/forged-snp.ts';
import { snpPolicyShape } from './policy.ts';

const good: Readonly<Record<string, unknown>> = JSON.parse(JSON.stringify(SNP_POLICY));

describe('the policy', () => {
  test('is read back as it was written', () => {
    expect(snpPolicyShape.parse(good)).toEqual({ ok: true, value: good });
  });

  for (const field of Object.keys(good)) {
    promise('P7', `without ${field} is an error, not a default`, () => {
      const { [field]: _, ...rest } = good;
      expect(snpPolicyShape.parse(rest).ok).toBe(false);
    });
  }

  const bad: readonly [field: string, value: unknown][] = [
    ['products', []],
    ['products', ['Rome']],
    ['products', 'any'],
    ['signers', []],
    ['vmpl', []],
    ['vmpl', [4]],
    ['vmpl', [4294967295]],
    ['minimumReportVersion', 1],
    ['minimumTcb', 'any'],
    ['minimumTcb', { ...SNP_POLICY.minimumTcb, Turin: { bootloader: 1, tee: 0, snp: 0, microcode: 0 } }],
    ['minimumTcb', { ...SNP_POLICY.minimumTcb, Genoa: { fmc: 1, bootloader: 1, tee: 0, snp: 0, microcode: 0 } }],
    ['mitigations', '1'],
    ['idKeys', []],
    ['idKeys', ['00']],
    ['platforms', []],
    ['platforms', ['00'.repeat(32)]],
    ['providers', ['']],
    ['revocation', 'refused'],
    ['unknown', 'any'],
  ];
  for (const [field, value] of bad) {
    promise('P7', `with ${field} ${JSON.stringify(value)} is an error`, () => {
      expect(snpPolicyShape.parse({ ...good, [field]: value }).ok).toBe(false);
    });
  }
});
