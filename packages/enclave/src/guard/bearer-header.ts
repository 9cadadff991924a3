/**
 * Reads the bearer token of a request, and writes the challenge of an answer.
 *
 * Specification: RFC 6750, sections 2.1 and 3; RFC 9728, section 5.1.
 *
 * @module
 */
import type { AuthRefusal } from './principal.ts';

/** Access tokens with many claims are long; nothing longer is looked at. */
const MAX_TOKEN = 8 * 1024;
const BEARER = /^Bearer ([A-Za-z0-9._~+/-]+=*)$/i;

/** The token, or why there is none. */
export function readBearer(
  authorization: string | undefined,
): { readonly token: string } | { readonly refusal: AuthRefusal } {
  if (authorization === undefined) {
    return { refusal: { error: 'missing_token', message: 'this server wants an access token' } };
  }
  const token = authorization.length > MAX_TOKEN ? undefined : BEARER.exec(authorization)?.[1];
  return token === undefined
    ? { refusal: { error: 'invalid_request', message: 'the Authorization header is not a bearer token' } }
    : { token };
}

/**
 * The value of `WWW-Authenticate`.
 *
 * @param metadata - Address of the protected resource metadata, where there is an authorization server.
 */
export function challenge(refusal: AuthRefusal, metadata: string | undefined): string {
  const parts = [
    ...(metadata === undefined ? [] : [`resource_metadata="${metadata}"`]),
    // RFC 6750, section 3.1: a request without a token is told nothing but what is wanted.
    ...(refusal.error === 'missing_token'
      ? []
      : [`error="${refusal.error}"`, `error_description="${refusal.message}"`]),
    ...(refusal.scopes === undefined ? [] : [`scope="${refusal.scopes.join(' ')}"`]),
  ];
  return parts.length === 0 ? 'Bearer' : `Bearer ${parts.join(', ')}`;
}

/** The HTTP status that goes with a refusal. */
export function refusalStatus({ error }: AuthRefusal): 400 | 401 | 403 | 503 {
  if (error === 'invalid_request') return 400;
  if (error === 'insufficient_scope') return 403;
  return error === 'unavailable' ? 503 : 401;
}
