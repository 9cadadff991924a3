/**
 * Access tokens of an authorization server: JWTs, checked by its published keys.
 *
 * What must be right is in the manifest: issuer, audience, algorithms, where the keys are. Nothing is
 * taken from the token but what the checked signature covers.
 *
 * Specification: RFC 9068, section 4; RFC 8725; MCP 2026-07-28, Authorization, "Access Token Usage".
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { createRemoteJWKSet, customFetch, errors, type FetchImplementation, type JWTPayload, jwtVerify } from 'jose';
import type { Authenticated, AuthRefusal } from './principal.ts';

export interface OauthSettings {
  readonly issuer: string;
  readonly audience: string;
  /** Address of the key set. */
  readonly jwks: string;
  readonly algorithms: readonly ('ES256' | 'EdDSA' | 'RS256')[];
  /** Scopes that any call needs. */
  readonly scopes?: readonly string[];
}

export interface OauthDependencies {
  /** Gets the key set; follows no redirect. */
  readonly fetch: FetchImplementation;
  readonly now: () => Date;
}

/** Clocks of issuer and enclave may differ by this much. */
const TOLERANCE_SECONDS = 60;
/** A stolen token must not be good for long, whatever its issuer thinks. */
const MAX_LIFETIME_SECONDS = 24 * 60 * 60;
const FETCH_MS = 5_000;

const INVALID: AuthRefusal = { error: 'invalid_token', message: 'the access token is not valid here' };

/** A check for tokens by these settings; it keeps the key set for ten minutes. */
export function createOauthCheck(
  settings: OauthSettings,
  { fetch, now }: OauthDependencies,
): (token: string) => Promise<Authenticated> {
  const keys = createRemoteJWKSet(new URL(settings.jwks), { timeoutDuration: FETCH_MS, [customFetch]: fetch });
  const needed = settings.scopes ?? [];

  return async (token) => {
    let payload: JWTPayload;
    try {
      ({ payload } = await jwtVerify(token, keys, {
        issuer: settings.issuer,
        audience: settings.audience,
        algorithms: [...settings.algorithms],
        requiredClaims: ['exp', 'sub'],
        clockTolerance: TOLERANCE_SECONDS,
        currentDate: now(),
      }));
    } catch (error) {
      return { refusal: explain(error) };
    }
    const { exp = 0, iat, sub } = payload;
    const seconds = now().getTime() / 1000;
    const tooLong = exp - seconds > MAX_LIFETIME_SECONDS || exp - (iat ?? seconds) > MAX_LIFETIME_SECONDS;
    const early = iat !== undefined && iat > seconds + TOLERANCE_SECONDS;
    if (tooLong || early || sub === undefined || sub === '') return { refusal: INVALID };
    const scopes = scopesOf(payload);
    if (needed.some((scope) => !scopes.has(scope))) {
      return { refusal: { error: 'insufficient_scope', message: 'the token lacks a scope', scopes: needed } };
    }
    const id = createHash('sha256')
      .update(JSON.stringify([settings.issuer, sub]))
      .digest('hex')
      .slice(0, 32);
    return { principal: { id: `oauth:${id}`, scopes } };
  };
}

function explain(error: unknown): AuthRefusal {
  if (error instanceof errors.JWTExpired) return { error: 'invalid_token', message: 'the access token has expired' };
  // Not the caller's fault: the keys could not be had.
  if (error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError) || isFetchFailure(error)) {
    return { error: 'unavailable', message: 'the keys of the authorization server cannot be had now' };
  }
  return INVALID;
}

/** jose says both with its base class and no code of their own. */
function isFetchFailure(error: errors.JOSEError): boolean {
  return error.code === 'ERR_JOSE_GENERIC' || error instanceof errors.JWKSInvalid;
}

/** RFC 8693, section 4.2: one text, separated by blanks. */
function scopesOf({ scope }: JWTPayload): ReadonlySet<string> {
  return new Set(typeof scope === 'string' ? scope.split(' ').filter((one) => one !== '') : []);
}
