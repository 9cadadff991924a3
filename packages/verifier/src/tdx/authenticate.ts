/**
 * Authentication of a TDX quote. This is the only place that makes `Authenticated<TdxClaims>`; the
 * steps themselves are in `../dcap/authenticate.ts`.
 *
 * @module
 */
import type { Authenticated } from '../authenticated.ts';
import type { TrustAnchor } from '../dcap/anchors.ts';
import { authenticateQuote, type DcapAuthentication, type DcapClaims } from '../dcap/authenticate.ts';
import type { TdReport, TdxQuote } from './parse.ts';

/** What an authenticated quote says. */
export interface TdxClaims extends DcapClaims {
  readonly report: TdReport;
}

export interface TdxAuthentication extends Omit<DcapAuthentication, 'claims'> {
  /** Only when every check passed. */
  readonly claims?: Authenticated<TdxClaims>;
}

/** Follows the signatures of `quote` to one of `anchors`. */
export async function authenticateTdx(
  quote: TdxQuote,
  anchors: readonly TrustAnchor[],
  now: Date,
): Promise<TdxAuthentication> {
  const { claims, ...rest } = await authenticateQuote('tdx', quote.envelope, anchors, now);
  if (claims === undefined) return rest;
  const marked: TdxClaims = { ...claims, report: quote.report };
  return { ...rest, claims: marked as Authenticated<TdxClaims> };
}
