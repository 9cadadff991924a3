/**
 * Requests to the token endpoint, and what of their answers is accepted: bearer tokens in a form
 * that fits a header. The requests themselves are the SDK's.
 *
 * @module
 */
import {
  exchangeAuthorization,
  fetchToken,
  type OAuthTokens,
  refreshAuthorization,
} from '@modelcontextprotocol/client';
import { RefusedError } from '../errors.ts';
import type { FetchLike } from '../net/outside-fetch.ts';
import type { ChosenClient } from './client-identity.ts';
import type { Authority } from './discovery.ts';
import { oauthCode, signInError } from './sign-in-error.ts';
import { BEARER_TOKEN, type StoredTokens } from './token-store.ts';

export interface TokenRequest {
  readonly authority: Authority;
  readonly client: ChosenClient;
  readonly fetch: FetchLike;
  readonly now: () => number;
}

/** Exchanges an authorization code. `iss` is checked (RFC 9207) before the code is sent. */
export function exchangeCode(
  request: TokenRequest,
  answer: { readonly code: string; readonly iss: string | undefined },
  proof: { readonly codeVerifier: string; readonly redirectUri: string },
): Promise<StoredTokens> {
  const { authority } = request;
  return send(request, 'exchanging the code', [answer.code, proof.codeVerifier], () =>
    exchangeAuthorization(authority.metadata.issuer, {
      ...common(request),
      authorizationCode: answer.code,
      codeVerifier: proof.codeVerifier,
      redirectUri: proof.redirectUri,
      ...(answer.iss === undefined ? {} : { iss: answer.iss }),
    }),
  );
}

/** Why an authorization server no longer takes a refresh token: the token itself, or the client that it was issued to. */
export type RefreshRefusal = 'token-refused' | 'client-refused';

/** New tokens for a refresh token. */
export async function refresh(
  request: TokenRequest,
  old: StoredTokens & { readonly refreshToken: string },
): Promise<StoredTokens | RefreshRefusal> {
  const { refreshToken, accessToken } = old;
  let refusal: RefreshRefusal | undefined;
  const ask = (): Promise<OAuthTokens> =>
    refreshAuthorization(request.authority.metadata.issuer, { ...common(request), refreshToken }).catch((error) => {
      const code = oauthCode(error);
      if (code === 'invalid_grant') refusal = 'token-refused';
      if (code === 'invalid_client' || code === 'unauthorized_client') refusal = 'client-refused';
      throw error;
    });
  try {
    const tokens = await send(request, 'refreshing the token', [refreshToken, accessToken], ask);
    return tokens.scope === undefined && old.scope !== undefined ? { ...tokens, scope: old.scope } : tokens;
  } catch (error) {
    if (refusal !== undefined) return refusal;
    throw error;
  }
}

/** Tokens for the client itself (RFC 6749, section 4.4). */
export function clientCredentials(request: TokenRequest, scope: string | undefined): Promise<StoredTokens> {
  const { authority, client } = request;
  const { authenticate } = client;
  const provider = {
    redirectUrl: undefined,
    clientMetadata: { redirect_uris: [] },
    clientInformation: () => client.information,
    tokens: () => undefined,
    saveTokens: () => {},
    redirectToAuthorization: () => {},
    saveCodeVerifier: () => {},
    codeVerifier: () => '',
    prepareTokenRequest: (wanted?: string) =>
      new URLSearchParams({ grant_type: 'client_credentials', ...(wanted === undefined ? {} : { scope: wanted }) }),
    ...(authenticate === undefined ? {} : { addClientAuthentication: authenticate }),
  };
  return send(request, 'asking for a token', [], () =>
    fetchToken(provider, authority.metadata.issuer, {
      metadata: authority.metadata,
      resource: authority.resource,
      ...(scope === undefined ? {} : { scope }),
      fetchFn: (url, init) => request.fetch(String(url), init),
    }),
  );
}

function common({ authority, client, fetch }: TokenRequest) {
  return {
    metadata: authority.metadata,
    clientInformation: client.information,
    resource: authority.resource,
    fetchFn: (url: string | URL, init?: RequestInit) => fetch(String(url), init),
    ...(client.authenticate === undefined ? {} : { addClientAuthentication: client.authenticate }),
  };
}

async function send(
  { authority, client, now }: TokenRequest,
  doing: string,
  secrets: readonly string[],
  ask: () => Promise<OAuthTokens>,
): Promise<StoredTokens> {
  const { issuer } = authority.metadata;
  const answer = await ask().catch((error: unknown) => {
    throw signInError(error, doing, issuer, [...secrets, client.information.client_secret]);
  });
  if (answer.token_type.toLowerCase() !== 'bearer') {
    throw new RefusedError('sign-in.token-type', `${issuer} issued a token that is not a bearer token; it is not used`);
  }
  if (!BEARER_TOKEN.test(answer.access_token) || !/^[\x20-\x7e]*$/.test(answer.refresh_token ?? '')) {
    throw new RefusedError('sign-in.token', `${issuer} issued a token with characters that no token may have`);
  }
  const { expires_in: seconds, refresh_token: refreshToken, scope } = answer;
  const lasts = seconds !== undefined && Number.isFinite(seconds) && seconds >= 0 ? Math.floor(seconds) : undefined;
  return {
    accessToken: answer.access_token,
    ...(refreshToken === undefined || refreshToken === '' ? {} : { refreshToken }),
    ...(lasts === undefined ? {} : { expiresAt: Math.floor(now()) + Math.min(lasts, 31_536_000) * 1000 }),
    ...(scope === undefined || !/^[\x20-\x7e]+$/.test(scope) ? {} : { scope }),
  };
}
