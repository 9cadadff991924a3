import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { TPM_POLICY } from '../testing/forged-tpm.ts';
import { tpmPolicyShape } from './policy.ts';

const value = '00'.repeat(32);
const accepted = (changes: object): boolean => tpmPolicyShape.parse({ ...TPM_POLICY, ...changes }).ok;

describe('the TPM part of a policy', () => {
  test('is accepted where every field is written', () => {
    expect(accepted({})).toBe(true);
    expect(accepted({ pcrSelection: [0, 23], pcrs: { pcr0: [value], pcr23: [value, value] } })).toBe(true);
    expect(accepted({ nonce: 'required', clock: 'any' })).toBe(true);
  });

  const refused: readonly [name: string, changes: object][] = [
    ['an empty selection', { pcrSelection: [] }],
    ['PCR24 in the selection', { pcrSelection: [24] }],
    ['a register by name in the selection', { pcrSelection: ['pcr0'] }],
    ['no register', { pcrs: {} }],
    ['a register without values', { pcrs: { pcr0: [] } }],
    ['PCR24', { pcrs: { pcr24: [value] } }],
    ['a value of 20 bytes', { pcrs: { pcr0: ['00'.repeat(20)] } }],
    ['a nonce in the policy', { nonce: value }],
    ['an unknown field', { ak: value }],
  ];
  for (const [name, changes] of refused) {
    promise('P7', `is refused with ${name}`, () => {
      expect(accepted(changes)).toBe(false);
    });
  }

  for (const field of Object.keys(TPM_POLICY)) {
    promise('P7', `is refused without ${field}`, () => {
      const { [field as keyof typeof TPM_POLICY]: _, ...rest } = TPM_POLICY;
      expect(tpmPolicyShape.parse(rest).ok).toBe(false);
    });
  }
});
