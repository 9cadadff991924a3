/**
 * Verification of a TDX quote: parse, authenticate, appraise. What is common to all technologies
 * (workload, bindings, verdict) stands in `../verify.ts`, what is common with SGX in `../dcap`.
 *
 * @module
 */
import type { DcapCollateral } from '@vitrine/documents/evidence';
import type { TrustAnchor } from '../dcap/anchors.ts';
import type { TcbAppraisal } from '../dcap/appraise-tcb.ts';
import { claimsOfPlatform, endorsementsFor, platformNamedIn, unverifiedPlatform } from '../dcap/outcome.ts';
import type { PlatformName } from '../dcap/platform.ts';
import { hasTdxHeader } from '../dcap/quote.ts';
import type { Check } from '../result.ts';
import type { HardwareClaims, HardwareOutcome } from '../technology.ts';
import { APPRAISAL_CHECKS, appraiseTdx } from './appraise.ts';
import { authenticateTdx, type TdxClaims } from './authenticate.ts';
import { FORMAT_CHECK, parseTdxQuote } from './parse.ts';
import type { TdxPolicy } from './policy.ts';

export interface TdxInputs {
  /** Everything that is at hand; the one for the platform is chosen. */
  readonly collateral: readonly DcapCollateral[];
  /** Those of `collateral` that a fetcher brought. */
  readonly fetched: readonly DcapCollateral[];
  readonly anchors: readonly TrustAnchor[];
  readonly policy: TdxPolicy;
  readonly now: Date;
}

export interface TdxOutcome extends HardwareOutcome {
  readonly anchor?: TrustAnchor;
}

const BODIES = { sgx: 'SGX', 'td-1.0': 'TD 1.0', 'td-1.5': 'TD 1.5' } as const;

/**
 * Verifies a quote for the time `inputs.now`.
 *
 * @throws MalformedEvidenceError when `quote` is no well-formed quote of a supported version; nothing else.
 */
export async function verifyTdx(quote: Uint8Array<ArrayBuffer>, inputs: TdxInputs): Promise<TdxOutcome> {
  const parsed = parseTdxQuote(quote);
  const format: Check = {
    id: FORMAT_CHECK,
    status: 'passed',
    message: `A well-formed TDX quote of version ${parsed.envelope.version} with a ${BODIES[parsed.envelope.bodyKind]} body.`,
  };
  const { checks, claims, anchor, simulatorMarker } = await authenticateTdx(parsed, inputs.anchors, inputs.now);
  const rooted = anchor === undefined ? {} : { anchor };
  if (claims === undefined) {
    const reason = anchor === undefined ? 'the certificate chain is not trusted' : 'the signatures are not good';
    const open = APPRAISAL_CHECKS.map(
      (id): Check => ({ id, status: 'unavailable', message: `Not evaluated: ${reason}.` }),
    );
    const { registers, reportData: reportdata } = parsed.report;
    const unverified = { ...unverifiedPlatform(parsed.envelope), ...registers, reportdata };
    return { checks: [format, ...checks, ...open], ...rooted, simulatorMarker, unverified };
  }
  const appraisal = appraiseTdx(claims, await endorsementsFor('tdx', claims, inputs), inputs.policy, inputs.now);
  return {
    checks: [format, ...checks, ...appraisal.checks],
    claims: claimsOf(claims, appraisal),
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
export function tdxPlatform(quote: Uint8Array<ArrayBuffer>): PlatformName {
  return platformNamedIn('tdx', parseTdxQuote(quote).envelope);
}

/** Whether `bytes` begin like a TDX quote of version 4 or 5. Cheap; says nothing about the rest. */
export function isTdxQuote(bytes: Uint8Array): boolean {
  return hasTdxHeader(bytes);
}

function claimsOf(claims: TdxClaims, { tcb }: TcbAppraisal): HardwareClaims {
  const { registers, reportData } = claims.report;
  return { technology: 'tdx', ...claimsOfPlatform(claims, tcb), registers, reportData };
}
