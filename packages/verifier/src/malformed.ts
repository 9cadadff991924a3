/**
 * The result for input that cannot be read as evidence: a rejection by the check that refuses it.
 *
 * @module
 */
import { digest, documentDigest, type MalformedEvidenceError, toHex } from '@vitrine/documents/evidence';
import type { AppraisalPolicy } from './policy.ts';
import type { AttestationResult } from './result.ts';

/**
 * @param input - The bytes that were to be judged; empty where none arrived.
 * @param now - The time to judge for.
 */
export async function malformedResult(
  error: MalformedEvidenceError,
  input: Uint8Array<ArrayBuffer>,
  policy: AppraisalPolicy,
  now: Date,
): Promise<AttestationResult> {
  return {
    type: 'vitrine/attestation-result/v1',
    verdict: 'rejected',
    decidedBy: error.check,
    scope: 'recorded',
    checks: [{ id: error.check, status: 'failed', message: `${error.message}.` }],
    unverified: {},
    limits: ['Nothing was proven: what cannot be read cannot be judged.'],
    digests: {
      evidence: toHex(await digest('SHA-384', input)),
      policy: await documentDigest(policy),
      endorsements: null,
      referenceValues: null,
      eventLog: null,
    },
    time: now.toISOString(),
  };
}
