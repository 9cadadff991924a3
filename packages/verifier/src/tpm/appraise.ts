/**
 * Appraisal of an authenticated TPM quote against a policy: registers, freshness, clock.
 *
 * It does no I/O and reads no clock, so a stored result can be recomputed by anyone from the same
 * inputs. A TPM knows no time of day: freshness is the caller's nonce, or is not shown.
 *
 * @module
 */
import { toHex } from '@vitrine/documents/evidence';
import type { Authenticated } from '../authenticated.ts';
import type { Difference } from '../refusal.ts';
import type { Check } from '../result.ts';
import type { PcrSelection } from './attest.ts';
import type { TpmClaims } from './authenticate.ts';
import type { TpmPolicy } from './policy.ts';
import { TpmAlgorithm } from './reader.ts';

export const APPRAISAL_CHECKS = ['tpm.pcr-selection', 'tpm.pcrs', 'tpm.nonce', 'tpm.clock'] as const;

type CheckId = (typeof APPRAISAL_CHECKS)[number];

/** What the quote has to be made for. */
export interface ExpectedNonce {
  /** Whether the caller gave it, or the bindings of a bundle give it, whose freshness `channel.live` judges. */
  readonly of: 'caller' | 'bindings';
  readonly value: Uint8Array;
}

const NONCES = { caller: 'the nonce of the caller', bindings: 'the bindings in the bundle' } as const;

/** Appraises authenticated claims; one check per id of {@link APPRAISAL_CHECKS}, in this order. */
export function appraiseTpm(
  claims: Authenticated<TpmClaims>,
  policy: TpmPolicy,
  expectedNonce: ExpectedNonce | undefined,
): readonly Check[] {
  return [
    selectionCheck(claims, policy),
    pcrsCheck(claims, policy),
    nonceCheck(claims, policy, expectedNonce),
    clockCheck(claims, policy),
  ].map((check): Check => ({ ...check, anchor: claims.anchor.name }));
}

function selectionCheck({ attest: { selections } }: TpmClaims, { pcrSelection }: TpmPolicy): Check {
  const id: CheckId = 'tpm.pcr-selection';
  const actual = selections.map(showSelection).join('; ') || 'no bank';
  if (pcrSelection === 'any') {
    return result(id, 'waived', 'The policy does not say which registers the quote must cover.', { actual });
  }
  const difference = { expected: `SHA-256: ${pcrSelection.join(', ')}`, actual };
  const [selection, ...others] = selections;
  const covers =
    selection !== undefined &&
    others.length === 0 &&
    selection.bank === TpmAlgorithm.sha256 &&
    pcrSelection.every((index) => selection.indexes.includes(index));
  return covers
    ? result(id, 'passed', 'The quote covers every register that the policy asks for.', difference)
    : result(
        id,
        'failed',
        'The quote does not cover what the policy asks for: these registers of SHA-256 alone.',
        difference,
      );
}

function pcrsCheck({ pcrs }: TpmClaims, policy: TpmPolicy): Check {
  const id: CheckId = 'tpm.pcrs';
  if (policy.pcrs === 'any') return result(id, 'waived', 'The policy pins no register.');
  if (pcrs.size === 0) return result(id, 'unavailable', 'The policy pins registers, and no value of any is confirmed.');
  const pins = Object.entries(policy.pcrs).map(([name, accepted]) => ({
    name,
    accepted,
    actual: pcrs.get(Number(name.slice('pcr'.length))),
  }));
  const bad = pins.find(({ accepted, actual }) => actual === undefined || !accepted.includes(actual));
  if (bad === undefined) return result(id, 'passed', 'Every pinned register has an accepted value.');
  return result(id, 'failed', `Register ${bad.name} has none of the values that the policy accepts.`, {
    expected: `${bad.name} = ${bad.accepted.join(' or ')}`,
    actual: bad.actual ?? 'not covered by the quote',
  });
}

function nonceCheck({ attest }: TpmClaims, policy: TpmPolicy, expectedNonce: ExpectedNonce | undefined): Check {
  const id: CheckId = 'tpm.nonce';
  const actual = attest.extraData;
  if (expectedNonce !== undefined) {
    const expected = toHex(expectedNonce.value);
    const nonce = NONCES[expectedNonce.of];
    return expected === actual && expectedNonce.value.length > 0
      ? result(id, 'passed', `The quote was made for ${nonce}.`, { expected, actual })
      : result(id, 'failed', `The quote was made for something else than ${nonce}.`, {
          expected,
          actual,
        });
  }
  return policy.nonce === 'any'
    ? result(id, 'waived', 'The policy accepts a quote that was made for anybody at any time.', { actual })
    : result(id, 'unavailable', 'The policy asks for a nonce of the caller, and none is given.', { actual });
}

function clockCheck({ attest: { safe } }: TpmClaims, policy: TpmPolicy): Check {
  const id: CheckId = 'tpm.clock';
  const difference = { expected: 'safe', actual: safe ? 'safe' : 'not safe' };
  if (policy.clock === 'any') {
    return result(id, 'waived', "The policy does not ask whether the TPM's clock may have gone back.", difference);
  }
  return safe
    ? result(id, 'passed', "The TPM's clock has not gone back.", difference)
    : result(id, 'failed', "The TPM's clock may have gone back since it was last saved.", difference);
}

function showSelection({ bank, indexes }: PcrSelection): string {
  const name = bank === TpmAlgorithm.sha256 ? 'SHA-256' : `bank 0x${bank.toString(16).padStart(4, '0')}`;
  return `${name}: ${indexes.join(', ') || 'none'}`;
}

function result(id: CheckId, status: Check['status'], message: string, difference: Difference = {}): Check {
  return { id, status, ...difference, message };
}
