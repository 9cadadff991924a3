/**
 * Adds the sign-in that an MCP server asks for to a `fetch` for that server: OAuth 2.1 as MCP demands
 * it (authorization, revisions 2025-11-25 and 2026-07-28).
 *
 * Tokens go to the origin of the server only, over the `fetch` that was given, which in production
 * means over attested connections. Traffic with the authorization server takes the other `fetch`.
 *
 * @module
 */
import { cleanText } from '../clean-text.ts';
import { RefusedError, UnreachableError } from '../errors.ts';
import { boundedResponse } from '../net/bounded-response.ts';
import type { FetchLike } from '../net/outside-fetch.ts';
import type { ClientIdentity } from './client-identity.ts';
import { createSession, type Need } from './session.ts';
import type { TokenStore } from './token-store.ts';

export type { FetchLike } from '../net/outside-fetch.ts';

const FIVE_MINUTES_MS = 5 * 60_000;
/** First try, refresh, sign-in, and two steps up. */
const MAX_TRIES = 5;
const MAX_METADATA_BYTES = 1 << 20;
const METADATA_LIMIT_MS = 15_000;

export interface SignInOptions {
  /** Normalised URL of the attested server. */
  readonly url: string;
  /** For the authorization server only. */
  readonly outsideFetch: FetchLike;
  readonly store: TokenStore;
  readonly client: ClientIdentity;
  readonly grant: 'authorization-code' | 'client-credentials';
  /** Scopes that the user wants, separated by spaces; by default those that the server names. */
  readonly scope?: string;
  /**
   * Shows the address of the sign-in to a person. Where it rejects, requests fail with an error that
   * says the address, and the answer is still waited for.
   */
  readonly interact: (authorizationUrl: string) => Promise<void>;
  /** Port on 127.0.0.1 for the answer; any free one by default. */
  readonly callbackPort?: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly random: (bytes: number) => Uint8Array;
  readonly signal: AbortSignal;
  /** How long a person may take, in milliseconds; 5 minutes by default. */
  readonly waitMs?: number;
  /** For each request to the attested server that is part of a sign-in, in milliseconds; 15 seconds by default. */
  readonly metadataLimitMs?: number;
}

/**
 * Wraps `fetch`. Only POST requests may start a sign-in that takes a person; others hand on the
 * server's 401 or 403.
 *
 * @throws From the returned function, besides what `fetch` throws: UsageError (a person has to do
 *   something), RefusedError (something is not as it must be), UnreachableError; codes `sign-in.*`.
 */
export function withSignIn(fetch: FetchLike, options: SignInOptions): FetchLike {
  const { origin } = new URL(options.url);
  const session = createSession({
    url: options.url,
    store: options.store,
    client: options.client,
    grant: options.grant,
    scope: options.scope,
    fetch: route(origin, fetch, options),
    interact: options.interact,
    callbackPort: options.callbackPort,
    now: options.now,
    random: options.random,
    signal: options.signal,
    waitMs: options.waitMs ?? FIVE_MINUTES_MS,
  });
  return async (target, init = {}) => {
    requireOrigin(target, origin);
    const signal = init.signal ?? undefined;
    const interactive = (init.method ?? 'GET').toUpperCase() === 'POST';
    for (let tries = 1; ; tries++) {
      const token = await unless(signal, session.token());
      const response = await fetch(target, withToken(init, token));
      if (response.status !== 401) session.worked(token);
      const need = tries < MAX_TRIES ? await needOf(response, token) : undefined;
      if (need === undefined) return response;
      const renewed = await unless(signal, session.renew(need, interactive)).catch(async (error: unknown) => {
        await response.body?.cancel();
        throw error;
      });
      if (!renewed) return response;
      await response.body?.cancel();
    }
  };
}

/** Sends what the sign-in needs where it belongs. None of it carries a token of the server. */
function route(origin: string, fetch: FetchLike, options: SignInOptions): FetchLike {
  const { outsideFetch, signal, metadataLimitMs = METADATA_LIMIT_MS } = options;
  return async (target, init = {}) => {
    const request: RequestInit = { ...init, redirect: 'error', signal };
    const url = new URL(target);
    if (url.origin !== origin) return outsideFetch(target, request);
    const limit = AbortSignal.timeout(metadataLimitMs);
    try {
      const response = await fetch(target, { ...request, signal: AbortSignal.any([signal, limit]) });
      return await boundedResponse(response, MAX_METADATA_BYTES, url.host);
    } catch (error) {
      if (signal.aborted || error !== limit.reason) throw error;
      throw new UnreachableError('network', `${url.host} did not say within the time limit where to sign in`);
    }
  };
}

function requireOrigin(target: string, origin: string): void {
  const other = new URL(target).origin;
  if (other === origin) return;
  throw new RefusedError('channel.origin', `${other} is not the attested server ${origin}; no token was sent`);
}

function withToken(init: RequestInit, token: string | undefined): RequestInit {
  if (token === undefined) return init;
  const headers = Object.fromEntries(new Headers(init.headers));
  return { ...init, headers: { ...headers, authorization: `Bearer ${token}` }, redirect: 'error' };
}

/** What a refused request lacks; `undefined` when a token would not help. */
async function needOf(response: Response, usedToken: string | undefined): Promise<Need | undefined> {
  if (response.status !== 401 && response.status !== 403) return undefined;
  const { extractWWWAuthenticateParams } = await import('@modelcontextprotocol/client');
  const { error, scope, resourceMetadataUrl } = extractWWWAuthenticateParams(response);
  const need = { usedToken, resourceMetadataUrl: resourceMetadataUrl?.href, scope: scopeOf(scope) };
  if (response.status === 401) return { ...need, stepUp: false };
  return error === 'insufficient_scope' && need.scope !== undefined ? { ...need, stepUp: true } : undefined;
}

/** Scopes as RFC 6749 writes them; anything else is no demand that could be met. */
function scopeOf(scope: string | undefined): string | undefined {
  return scope !== undefined && /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/.test(scope)
    ? cleanText(scope, 1_000)
    : undefined;
}

/** `promise`, unless `signal` ends the wait. What is under way goes on for others. */
function unless<T>(signal: AbortSignal | undefined, promise: Promise<T>): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
