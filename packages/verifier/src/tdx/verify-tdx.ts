/**
 * Verification of a TDX quote: parse, authenticate, appraise. What is common to all technologies
 * (workload, bindings, verdict) stands in `../verify.ts`.
 *
 * Other technologies go beside this folder with the same three files, and share `../dcap`,
 * `../x509` and `../asn1` where their vendor does.
 *
 * @module
 */
import { type DcapCollateral, MalformedEvidenceError } from '@vitrine/documents';
import { chooseCollateral } from '../dcap/collateral.ts';
import { authenticateEndorsements } from '../dcap/endorsements.ts';
import { parsePckClaims } from '../dcap/pck.ts';
import { hasTdxHeader } from '../dcap/quote.ts';
import { RefusalError } from '../refusal.ts';
import type { Check, Claims } from '../result.ts';
import type { TrustAnchor } from './anchors.ts';
import { APPRAISAL_CHECKS, appraiseTdx } from './appraise.ts';
import type { TcbAppraisal, TdxEndorsements } from './appraise-tcb.ts';
import { authenticateTdx, PCK_AUTHORITIES, parsePckChain, type TdxClaims } from './authenticate.ts';
import { FORMAT_CHECK, parseTdxQuote, type TdxQuote } from './parse.ts';
import type { TdxPolicy } from './policy.ts';

export interface TdxInputs {
  /** Everything that is at hand; the one for the platform is chosen. */
  readonly collateral: readonly DcapCollateral[];
  readonly anchors: readonly TrustAnchor[];
  readonly policy: TdxPolicy;
  readonly now: Date;
}

/** Claims about the hardware, without what the bindings add. */
type HardwareClaims = Omit<Claims, 'manifest' | 'manifestDigest' | 'tlsSpki'>;

export interface TdxOutcome {
  /** Every check of this technology, in a fixed order. */
  readonly checks: readonly Check[];
  /** Only when the whole signature chain to an anchor is good. */
  readonly claims?: HardwareClaims;
  /** The root of a good certificate chain. */
  readonly anchor?: TrustAnchor;
  /** The chain is good except for its root, which is no anchor and says itself that it is a simulator's. */
  readonly simulatorMarker: boolean;
  /** What the quote says without an anchor behind it; empty once it is authenticated. */
  readonly unverified: Readonly<Record<string, string>>;
}

/** What decides which endorsements are needed. Hexadecimal, lower case. */
export interface TdxPlatform {
  readonly fmspc: string;
  readonly pceId: string;
  /** Which CA's revocation list is needed. */
  readonly ca: 'platform' | 'processor';
}

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
    message: `A well-formed TDX quote of version ${parsed.envelope.version} with a TD 1.0 body.`,
  };
  const { checks, claims, anchor, simulatorMarker } = await authenticateTdx(parsed, inputs.anchors, inputs.now);
  const rooted = anchor === undefined ? {} : { anchor };
  if (claims === undefined) {
    const reason = anchor === undefined ? 'the certificate chain is not trusted' : 'the signatures are not good';
    const open = APPRAISAL_CHECKS.map(
      (id): Check => ({ id, status: 'unavailable', message: `Not evaluated: ${reason}.` }),
    );
    return { checks: [format, ...checks, ...open], ...rooted, simulatorMarker, unverified: unverifiedOf(parsed) };
  }
  const appraisal = appraiseTdx(claims, await endorsementsFor(claims, inputs), inputs.policy);
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
export function tdxPlatform(quote: Uint8Array<ArrayBuffer>): TdxPlatform {
  return platformOf(parseTdxQuote(quote));
}

/** Whether `bytes` begin like a TDX quote of version 4 or 5. Cheap; says nothing about the rest. */
export function isTdxQuote(bytes: Uint8Array): boolean {
  return hasTdxHeader(bytes);
}

async function endorsementsFor(claims: TdxClaims, { collateral, now }: TdxInputs): Promise<TdxEndorsements> {
  const choice = chooseCollateral(collateral, claims.pck, now);
  if (choice.collateral === undefined) return { available: false, reason: choice.reason };
  return { available: true, endorsements: await authenticateEndorsements(choice.collateral, claims.pckChain, now) };
}

function claimsOf({ report, pck, anchor }: TdxClaims, { tcb }: TcbAppraisal): HardwareClaims {
  const firmware =
    tcb === undefined
      ? {}
      : { tcbStatus: tcb.status, advisoryIds: tcb.advisoryIds, tcbEvaluationDataNumber: tcb.evaluation };
  const instance = pck.platformInstanceId === undefined ? {} : { platformInstanceId: pck.platformInstanceId };
  return {
    technology: 'tdx',
    anchor: anchor.name,
    ...firmware,
    platform: { fmspc: pck.fmspc, pceId: pck.pceId, ppid: pck.ppid, ...instance },
    registers: report.registers,
    reportData: report.reportData,
  };
}

function unverifiedOf(quote: TdxQuote): Readonly<Record<string, string>> {
  return { ...platformIfReadable(quote), ...quote.report.registers, reportdata: quote.report.reportData };
}

function platformIfReadable(quote: TdxQuote): Readonly<Record<string, string>> {
  try {
    const { fmspc, pceId } = platformOf(quote);
    return { fmspc, pceid: pceId };
  } catch (error) {
    if (error instanceof MalformedEvidenceError) return {};
    throw error;
  }
}

function platformOf({ envelope }: TdxQuote): TdxPlatform {
  try {
    const [leaf] = parsePckChain(envelope.pckChainPem);
    const ca = PCK_AUTHORITIES.get(leaf.issuer.commonName);
    if (ca === undefined) throw new RefusalError(`PCK certificate: its issuer is ${leaf.issuer.text}`);
    const { fmspc, pceId } = parsePckClaims(leaf);
    return { fmspc, pceId, ca };
  } catch (cause) {
    if (!(cause instanceof RefusalError)) throw cause;
    throw new MalformedEvidenceError('tdx.pck-chain', cause.message, { cause });
  }
}
