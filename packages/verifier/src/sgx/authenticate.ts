/**
 * Authentication of an SGX quote. This is the only place that makes `Authenticated<SgxClaims>`; the
 * steps themselves are in `../dcap/authenticate.ts`.
 *
 * @module
 */
import type { Authenticated } from '../authenticated.ts';
import type { TrustAnchor } from '../dcap/anchors.ts';
import { authenticateQuote, type DcapAuthentication, type DcapClaims } from '../dcap/authenticate.ts';
import type { EnclaveReport } from '../dcap/enclave-report.ts';
import type { SgxQuote } from './parse.ts';

/** What an authenticated quote says. */
export interface SgxClaims extends DcapClaims {
  readonly report: EnclaveReport;
}

export interface SgxAuthentication extends Omit<DcapAuthentication, 'claims'> {
  /** Only when every check passed. */
  readonly claims?: Authenticated<SgxClaims>;
}

/** Follows the signatures of `quote` to one of `anchors`. */
export async function authenticateSgx(
  quote: SgxQuote,
  anchors: readonly TrustAnchor[],
  now: Date,
): Promise<SgxAuthentication> {
  const { claims, ...rest } = await authenticateQuote('sgx', quote.envelope, anchors, now);
  if (claims === undefined) return rest;
  const marked: SgxClaims = { ...claims, report: quote.report };
  return { ...rest, claims: marked as Authenticated<SgxClaims> };
}
