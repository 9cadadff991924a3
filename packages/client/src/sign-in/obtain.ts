/**
 * Ways to a token, once it is known that one is needed: refresh, client credentials, a person. Each
 * returns a record to be kept. This module pulls in the SDK, so it is loaded only then.
 *
 * @module
 */
import { computeScopeUnion } from '@modelcontextprotocol/client';
import type { FetchLike } from '../net/outside-fetch.ts';
import { type ChosenClient, type ClientIdentity, chooseClient, storedClient } from './client-identity.ts';
import type { Authority } from './discovery.ts';
import { clientCredentials, type RefreshRefusal, refresh } from './token-request.ts';
import type { StoredSignIn, StoredTokens } from './token-store.ts';

export { discover } from './discovery.ts';
export { askPerson } from './person.ts';

export interface ObtainContext {
  readonly url: string;
  readonly authority: Authority;
  readonly identity: ClientIdentity;
  readonly grant: StoredSignIn['grant'];
  readonly fetch: FetchLike;
  readonly now: () => number;
}

/** Refreshes what `record` holds; the caller holds the store's lock. */
export async function refreshed(
  context: ObtainContext,
  record: StoredSignIn & { readonly tokens: StoredTokens & { readonly refreshToken: string } },
): Promise<StoredSignIn | RefreshRefusal> {
  const { authority, identity, fetch, now } = context;
  const client = await storedClient(identity, record.client, authority.metadata.issuer);
  const tokens = await refresh({ authority, client, fetch, now }, record.tokens);
  return typeof tokens === 'string' ? tokens : { ...record, tokens };
}

/** Tokens for the client itself. */
export async function withClientCredentials(context: ObtainContext, scope: string | undefined): Promise<StoredSignIn> {
  const { authority, identity, fetch, now } = context;
  const { metadata } = authority;
  const client = await chooseClient({ identity, metadata, stored: undefined, scope, fetch, now: now() });
  return recordOf(context, client, scope, await clientCredentials({ authority, client, fetch, now }, scope));
}

/** What is kept of a sign-in. */
export function recordOf(
  { url, authority, grant }: ObtainContext,
  client: ChosenClient,
  scope: string | undefined,
  tokens: StoredTokens,
): StoredSignIn {
  return {
    type: 'vitrine/tokens/v1',
    url,
    issuer: authority.metadata.issuer,
    grant,
    resource: authority.resource,
    ...(authority.resourceMetadataUrl === undefined ? {} : { resourceMetadataUrl: authority.resourceMetadataUrl }),
    ...(scope === undefined ? {} : { requestedScope: scope }),
    client: client.stored,
    tokens,
  };
}

export interface ScopeSources {
  /** What the user wants. */
  readonly wanted: string | undefined;
  /** What the server demanded just now. */
  readonly challenged: string | undefined;
  readonly stepUp: boolean;
  /** The sign-in so far, at the same authorization server. */
  readonly before: StoredSignIn | undefined;
}

/**
 * What to ask for: what the server demands now, else what the user wants, else what the server
 * lists; with everything that was asked for before, so that a step up loses nothing.
 */
export function scopeFor(
  { metadata, scopes }: Authority,
  grant: StoredSignIn['grant'],
  sources: ScopeSources,
): string | undefined {
  const { wanted, challenged, stepUp, before } = sources;
  const listed = stepUp || wanted !== undefined || challenged !== undefined ? undefined : scopes;
  const granted = stepUp ? before?.tokens?.scope : undefined;
  const scope = computeScopeUnion(before?.requestedScope, granted, wanted, challenged, listed);
  if (scope === undefined || grant !== 'authorization-code') return scope;
  return metadata.scopes_supported?.includes('offline_access') === true
    ? computeScopeUnion(scope, 'offline_access')
    : scope;
}
