/**
 * What the checks on TPM quotes show beside their status: what the policy expects and what the quote
 * has. Users correct policies by these words, so they have to be those of this quote.
 *
 * @module
 */
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { showCheck, showChecks } from '../testing/differences.ts';
import {
  ECDSA_KEY,
  OTHER_RSA_KEY,
  PCR_VALUES,
  RSA_KEY,
  SHA256,
  TPM_NONCE,
  verifyForgedTpm,
} from '../testing/forged-tpm.ts';
import { TPM_CHECKS } from './checks.ts';

type Changes = Parameters<typeof verifyForgedTpm>[0] & object;

const SHA384 = 0x000c;
const value = (index: number): string => PCR_VALUES[index] ?? '';
const zero = value(0);
const select = (...selections: readonly (readonly [number, readonly number[]])[]): Changes => ({
  form: 'hex',
  selections,
  policy: { pcrSelection: [0, 7] },
});

const CASES: readonly [what: string, check: string, changes: Changes, shown: string, says?: string][] = [
  [
    'no key',
    'tpm.ak',
    { trusted: 'none' },
    'unavailable',
    'No attestation key is given: pass the one that you trust (--tpm-ak FILE). A key in the evidence proves nothing.',
  ],
  ['what follows no key', 'tpm.pcr-digest', { trusted: 'none' }, 'unavailable', 'Not evaluated: no key is given.'],
  [
    'another key in the file',
    'tpm.ak',
    { form: 'keyed', statedKey: OTHER_RSA_KEY },
    'failed | expected 30820122… (294 bytes) | found 30820122… (294 bytes)',
  ],
  [
    'what follows another key in the file',
    'tpm.signature',
    { form: 'keyed', statedKey: OTHER_RSA_KEY },
    'unavailable',
    'Not evaluated: the key is not trusted.',
  ],
  [
    'a signature of another kind',
    'tpm.signature',
    { trusted: ECDSA_KEY },
    'failed | expected ecdsa | found rsassa | by tpm-ak',
    'The signature is of another kind than the attestation key.',
  ],
  [
    'another key',
    'tpm.signature',
    { key: OTHER_RSA_KEY, trusted: RSA_KEY },
    'failed | by tpm-ak',
    'The quote is not signed by the attestation key.',
  ],
  [
    'what follows another key',
    'tpm.pcr-digest',
    { key: OTHER_RSA_KEY, trusted: RSA_KEY },
    'unavailable',
    'Not evaluated: the signature is not good.',
  ],
  [
    'other values',
    'tpm.pcr-digest',
    { form: 'hex', pcrs: [value(1), ...PCR_VALUES.slice(1)] },
    'failed | expected db05e55d… (32 bytes) | found 6e1769df… (32 bytes) | by tpm-ak',
  ],
  [
    'values of another bank',
    'tpm.pcr-digest',
    select([SHA256, [0x81]], [SHA384, [1]]),
    'waived | by tpm-ak',
    'The quote covers banks whose values the evidence does not have. The policy does not ask for them.',
  ],
  [
    'another bank without a register',
    'tpm.pcr-digest',
    select([SHA256, [0x81]], [SHA384, [0]]),
    'passed | by tpm-ak',
    'The values of the registers are the ones that were signed.',
  ],
  [
    'a form without values',
    'tpm.pcr-digest',
    { form: 'pub' },
    'waived | by tpm-ak',
    'The evidence has no values of registers. The policy does not ask for them.',
  ],
  [
    'a part of the registers',
    'tpm.pcr-selection',
    select([SHA256, [0x7f, 0, 0]]),
    'failed | expected SHA-256: 0, 7 | found SHA-256: 0, 1, 2, 3, 4, 5, 6 | by tpm-ak',
  ],
  [
    'the same registers of another bank',
    'tpm.pcr-selection',
    select([SHA384, [0xff, 0, 0]]),
    'failed | expected SHA-256: 0, 7 | found bank 0x000c: 0, 1, 2, 3, 4, 5, 6, 7 | by tpm-ak',
  ],
  [
    'no register',
    'tpm.pcr-selection',
    select([SHA256, [0, 0, 0]]),
    'failed | expected SHA-256: 0, 7 | found SHA-256: none | by tpm-ak',
  ],
  ['no bank', 'tpm.pcr-selection', select(), 'failed | expected SHA-256: 0, 7 | found no bank | by tpm-ak'],
  [
    'two banks',
    'tpm.pcr-selection',
    select([SHA256, [0xff]], [SHA384, []]),
    'failed | expected SHA-256: 0, 7 | found SHA-256: 0, 1, 2, 3, 4, 5, 6, 7; bank 0x000c: none | by tpm-ak',
  ],
  ['any registers', 'tpm.pcr-selection', {}, 'waived | found SHA-256: 0, 1, 2, 3, 4, 5, 6, 7 | by tpm-ak'],
  [
    'another register',
    'tpm.pcrs',
    { form: 'hex', policy: { pcrs: { pcr0: [value(1), value(2)] } } },
    'failed | expected pcr0 = 01010101… (32 bytes) or 02020202… (32 bytes) | found 00000000… (32 bytes) | by tpm-ak',
    'Register pcr0 has none of the values that the policy accepts.',
  ],
  [
    'a register that is not covered',
    'tpm.pcrs',
    { form: 'hex', policy: { pcrs: { pcr0: [zero], pcr8: [value(8)] } } },
    'failed | expected pcr8 = 08080808… (32 bytes) | found not covered by the quote | by tpm-ak',
    'Register pcr8 has none of the values that the policy accepts.',
  ],
  [
    'another nonce',
    'tpm.nonce',
    { expectedNonce: Uint8Array.of(8, 7) },
    'failed | expected 0807 | found 0102030405060708 | by tpm-ak',
  ],
  [
    'a nonce that is not given',
    'tpm.nonce',
    { policy: { nonce: 'required' } },
    'unavailable | found 0102030405060708 | by tpm-ak',
  ],
  ['any nonce', 'tpm.nonce', {}, 'waived | found 0102030405060708 | by tpm-ak'],
  ['a clock that may have gone back', 'tpm.clock', { safe: 0 }, 'failed | expected safe | found not safe | by tpm-ak'],
  [
    'any clock',
    'tpm.clock',
    { safe: 0, policy: { clock: 'any' } },
    'waived | expected safe | found not safe | by tpm-ak',
  ],
];

describe('what the checks on TPM quotes show', () => {
  promise('P7', 'where everything is demanded and good', async () => {
    const outcome = await verifyForgedTpm({
      form: 'hex',
      expectedNonce: TPM_NONCE,
      policy: { pcrSelection: [0, 7], pcrs: { pcr0: [zero] }, nonce: 'required', clock: 'safe' },
    });
    expect(showChecks(outcome)).toEqual({
      'tpm.format': 'passed',
      'tpm.magic': 'passed',
      'tpm.ak': 'passed | by tpm-ak',
      'tpm.signature': 'passed | by tpm-ak',
      'tpm.pcr-digest': 'passed | by tpm-ak',
      'tpm.pcr-selection': 'passed | expected SHA-256: 0, 7 | found SHA-256: 0, 1, 2, 3, 4, 5, 6, 7 | by tpm-ak',
      'tpm.pcrs': 'passed | by tpm-ak',
      'tpm.nonce': 'passed | expected 0102030405060708 | found 0102030405060708 | by tpm-ak',
      'tpm.clock': 'passed | expected safe | found safe | by tpm-ak',
    });
  });

  promise('P7', 'where no key is given', async () => {
    expect(showChecks(await verifyForgedTpm({ trusted: 'none' }))).toEqual({
      'tpm.format': 'passed',
      'tpm.magic': 'passed',
      'tpm.ak': 'unavailable',
      'tpm.signature': 'unavailable',
      'tpm.pcr-digest': 'unavailable',
      'tpm.pcr-selection': 'unavailable',
      'tpm.pcrs': 'unavailable',
      'tpm.nonce': 'unavailable',
      'tpm.clock': 'unavailable',
    });
  });

  for (const [what, check, changes, shown, says] of CASES) {
    promise('P7', `${check}: ${what}`, async () => {
      const { checks } = await verifyForgedTpm(changes);
      expect(checks.map(({ id }) => id)).toEqual(TPM_CHECKS.map(({ id }) => id));
      const found = checks.find(({ id }) => id === check);
      expect(found === undefined ? undefined : showCheck(found)).toBe(shown);
      if (says !== undefined) expect(found?.message).toBe(says);
    });
  }
});
