/**
 * Verification of an SGX quote: parse, authenticate, appraise. What is common with TDX stands in
 * `../dcap`.
 *
 * @module
 */
import type { DcapCollateral } from '@vitrine/documents/evidence';
import type { TrustAnchor } from '../dcap/anchors.ts';
import { claimsOfPlatform, endorsementsFor, platformNamedIn, unverifiedPlatform } from '../dcap/outcome.ts';
import type { PlatformName } from '../dcap/platform.ts';
import { hasSgxHeader } from '../dcap/quote.ts';
import type { Check } from '../result.ts';
import type { HardwareOutcome } from '../technology.ts';
import { APPRAISAL_CHECKS, appraiseSgx } from './appraise.ts';
import { authenticateSgx } from './authenticate.ts';
import { FORMAT_CHECK, parseSgxQuote } from './parse.ts';
import type { SgxPolicy } from './policy.ts';

export interface SgxInputs {
  /** Everything that is at hand; the one for the platform is chosen. */
  readonly collateral: readonly DcapCollateral[];
  /** Those of `collateral` that a fetcher brought. */
  readonly fetched: readonly DcapCollateral[];
  readonly anchors: readonly TrustAnchor[];
  readonly policy: SgxPolicy;
  readonly now: Date;
}

export interface SgxOutcome extends HardwareOutcome {
  readonly anchor?: TrustAnchor;
}

/**
 * Verifies a quote for the time `inputs.now`.
 *
 * @throws MalformedEvidenceError when `quote` is no well-formed quote of a supported version; nothing else.
 */
export async function verifySgx(quote: Uint8Array<ArrayBuffer>, inputs: SgxInputs): Promise<SgxOutcome> {
  const parsed = parseSgxQuote(quote);
  const { registers, reportData } = parsed;
  const format: Check = {
    id: FORMAT_CHECK,
    status: 'passed',
    message: `A well-formed SGX quote of version ${parsed.envelope.version}.`,
  };
  const { checks, claims, anchor, simulatorMarker } = await authenticateSgx(parsed, inputs.anchors, inputs.now);
  const rooted = anchor === undefined ? {} : { anchor };
  if (claims === undefined) {
    const reason = anchor === undefined ? 'the certificate chain is not trusted' : 'the signatures are not good';
    const open = APPRAISAL_CHECKS.map(
      (id): Check => ({ id, status: 'unavailable', message: `Not evaluated: ${reason}.` }),
    );
    const unverified = { ...unverifiedPlatform(parsed.envelope), ...registers, reportdata: reportData };
    return { checks: [format, ...checks, ...open], ...rooted, simulatorMarker, unverified };
  }
  const appraisal = appraiseSgx(claims, await endorsementsFor('sgx', claims, inputs), inputs.policy, inputs.now);
  return {
    checks: [format, ...checks, ...appraisal.checks],
    claims: { technology: 'sgx', ...claimsOfPlatform(claims, appraisal.tcb), registers, reportData },
    ...rooted,
    simulatorMarker,
    unverified: {},
  };
}

/**
 * The platform that a quote names, to fetch endorsements for. Not authenticated.
 *
 * @throws MalformedEvidenceError
 */
export function sgxPlatform(quote: Uint8Array<ArrayBuffer>): PlatformName {
  return platformNamedIn('sgx', parseSgxQuote(quote).envelope);
}

/** Whether `bytes` begin like an SGX quote of version 3, 4 or 5. Cheap; says nothing about the rest. */
export function isSgxQuote(bytes: Uint8Array): boolean {
  return hasSgxHeader(bytes);
}
