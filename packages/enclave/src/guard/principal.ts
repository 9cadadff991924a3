/**
 * Who calls. What is known of a caller after the token has been checked, and nothing of the token itself.
 *
 * @module
 */

export interface Principal {
  /**
   * Names the caller within this server: keys of sessions, instances and volumes are made from it. For
   * OAuth it is a digest of issuer and subject, so that no log or file says who it is.
   */
  readonly id: string;
  /** Scopes of the token; empty where scopes do not exist. */
  readonly scopes: ReadonlySet<string>;
}

/** Everybody, where the manifest says that nobody is asked. */
export const ANYBODY: Principal = { id: 'anybody', scopes: new Set() };

/** Why a caller is not served, as RFC 6750, section 3.1, names it. */
export interface AuthRefusal {
  readonly error: 'missing_token' | 'invalid_request' | 'invalid_token' | 'insufficient_scope' | 'unavailable';
  /** For the client. Never repeats anything of the token. */
  readonly message: string;
  /** Scopes that would do, for `insufficient_scope`. */
  readonly scopes?: readonly string[];
}

export type Authenticated = { readonly principal: Principal } | { readonly refusal: AuthRefusal };
