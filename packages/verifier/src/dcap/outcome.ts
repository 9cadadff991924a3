/**
 * What the outcomes of TDX and SGX have in common: the endorsements that are chosen, and what is
 * said about the platform.
 *
 * @module
 */
import { type DcapCollateral, MalformedEvidenceError } from '@vitrine/documents/evidence';
import { RefusalError } from '../refusal.ts';
import type { HardwareClaims } from '../technology.ts';
import type { AvailableEndorsements } from './appraise-tcb.ts';
import type { DcapClaims, DcapTechnology } from './authenticate.ts';
import { chooseCollateral } from './collateral.ts';
import { authenticateEndorsements } from './endorsements.ts';
import type { Tcb } from './judge-status.ts';
import { type PlatformName, readPlatformName } from './platform.ts';
import type { DcapQuote } from './quote.ts';

/** The endorsements for the platform, authenticated, or why there are none. */
export async function endorsementsFor(
  technology: DcapTechnology,
  { pck, pckChain }: DcapClaims,
  { collateral, fetched, now }: CollateralInputs,
): Promise<AvailableEndorsements> {
  const choice = chooseCollateral(collateral, pck, technology, now);
  if (choice.collateral === undefined) return { available: false, reason: choice.reason };
  const origin = fetched.includes(choice.collateral) ? 'fetched' : 'given';
  return { available: true, origin, endorsements: await authenticateEndorsements(choice.collateral, pckChain, now) };
}

interface CollateralInputs {
  readonly collateral: readonly DcapCollateral[];
  /** Those of `collateral` that a fetcher brought. */
  readonly fetched: readonly DcapCollateral[];
  readonly now: Date;
}

/** Claims about platform and firmware. */
export function claimsOfPlatform(
  { pck, anchor }: DcapClaims,
  tcb: Tcb | undefined,
): Pick<HardwareClaims, 'anchor' | 'platform' | 'tcbStatus' | 'advisoryIds' | 'tcbEvaluationDataNumber'> {
  const firmware =
    tcb === undefined
      ? {}
      : { tcbStatus: tcb.status, advisoryIds: tcb.advisoryIds, tcbEvaluationDataNumber: tcb.evaluation };
  const instance = pck.platformInstanceId === undefined ? {} : { platformInstanceId: pck.platformInstanceId };
  return {
    anchor: anchor.name,
    ...firmware,
    platform: { fmspc: pck.fmspc, pceId: pck.pceId, ppid: pck.ppid, ...instance },
  };
}

/**
 * The platform that the chain in a quote names. Not authenticated.
 *
 * @throws MalformedEvidenceError
 */
export function platformNamedIn(technology: DcapTechnology, quote: DcapQuote): PlatformName {
  try {
    return readPlatformName(quote.pckChainPem);
  } catch (cause) {
    if (!(cause instanceof RefusalError)) throw cause;
    throw new MalformedEvidenceError(`${technology}.pck-chain`, cause.message, { cause });
  }
}

/** What a quote that is not authenticated says about its platform, where that can be read. */
export function unverifiedPlatform(quote: DcapQuote): Readonly<Record<string, string>> {
  try {
    const { fmspc, pceId } = readPlatformName(quote.pckChainPem);
    return { fmspc, pceid: pceId };
  } catch (error) {
    if (error instanceof RefusalError) return {};
    throw error;
  }
}
