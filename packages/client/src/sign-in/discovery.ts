/**
 * Who issues tokens for a server: its protected resource metadata (RFC 9728), read over the attested
 * connection, names an authorization server, whose metadata (RFC 8414, OpenID Connect Discovery) is
 * read from there.
 *
 * What MCP demands is demanded here: the resource is this server, the issuer is who was asked, and
 * the authorization server does PKCE with S256. There is no fallback to guessed addresses.
 *
 * @module
 */
import {
  type AuthorizationServerMetadata,
  checkResourceAllowed,
  discoverAuthorizationServerMetadata,
  discoverOAuthProtectedResourceMetadata,
  type OAuthProtectedResourceMetadata,
} from '@modelcontextprotocol/client';
import { UsageError, VitrineError } from '@vitrine/documents';
import { cleanText } from '../clean-text.ts';
import { RefusedError, UnreachableError } from '../errors.ts';
import type { FetchLike } from '../net/outside-fetch.ts';
import { isLoopback } from '../server-url.ts';
import { signInError } from './sign-in-error.ts';

export interface Authority {
  readonly metadata: AuthorizationServerMetadata;
  /** As the server wrote it, to be sent as it is (RFC 8707). */
  readonly resource: string;
  readonly resourceMetadataUrl: string | undefined;
  /** What the server's metadata lists. */
  readonly scopes: string | undefined;
}

export interface DiscoveryOptions {
  readonly url: string;
  /** From the `WWW-Authenticate` header, if it was there. */
  readonly resourceMetadataUrl: string | undefined;
  /** The authorization servers to prefer among several: where a client or tokens are from. */
  readonly preferred: readonly string[];
  readonly grant: 'authorization-code' | 'client-credentials';
  /** Sends each request where it belongs. */
  readonly fetch: FetchLike;
}

/** Finds the authorization server for `url`. */
export async function discover(options: DiscoveryOptions): Promise<Authority> {
  const resource = await resourceMetadata(options);
  const matches = checkResourceAllowed({ requestedResource: options.url, configuredResource: resource.resource });
  if (!matches) {
    throw new RefusedError(
      'sign-in.resource',
      `the server says that tokens for it are for ${cleanText(resource.resource, 120)}, which is not ${options.url}`,
    );
  }
  const issuers = resource.authorization_servers ?? [];
  const issuer = options.preferred.find((one) => issuers.includes(one)) ?? issuers[0];
  if (issuer === undefined) {
    throw new UsageError('sign-in.metadata', `${options.url} asks for a sign-in but names no authorization server`);
  }
  const metadata = await serverMetadata(issuer, options);
  return {
    metadata,
    resource: resource.resource,
    resourceMetadataUrl: options.resourceMetadataUrl,
    scopes: resource.scopes_supported?.join(' ') || undefined,
  };
}

async function resourceMetadata(options: DiscoveryOptions): Promise<OAuthProtectedResourceMetadata> {
  const { url, resourceMetadataUrl, fetch } = options;
  try {
    return await discoverOAuthProtectedResourceMetadata(
      url,
      resourceMetadataUrl === undefined ? {} : { resourceMetadataUrl },
      (target, init) => fetch(String(target), init),
    );
  } catch (error) {
    if (error instanceof VitrineError || (error as Error).name === 'AbortError') throw error;
    // What fetch throws for a broken connection; the server may well have metadata.
    if (error instanceof TypeError) {
      throw new UnreachableError('network', `cannot read where ${url} wants a sign-in: the connection broke`, {
        cause: error,
      });
    }
    throw new UsageError(
      'sign-in.metadata',
      `${url} asks for a sign-in but does not say where: it has no valid protected resource metadata (RFC 9728). Ask its operator, or give a token with --header-file`,
    );
  }
}

async function serverMetadata(issuer: string, options: DiscoveryOptions): Promise<AuthorizationServerMetadata> {
  const who = cleanText(issuer, 120);
  requireSecure(issuer, 'address', who);
  const metadata = await discoverAuthorizationServerMetadata(issuer, {
    fetchFn: (target, init) => options.fetch(String(target), init),
  }).catch((error: unknown) => {
    throw signInError(error, 'reading the metadata', issuer, []);
  });
  if (metadata === undefined) {
    throw new UnreachableError('sign-in.metadata', `${who} has no authorization server metadata (RFC 8414)`);
  }
  for (const name of ['authorization_endpoint', 'token_endpoint', 'registration_endpoint'] as const) {
    const endpoint = metadata[name];
    if (endpoint !== undefined) requireSecure(endpoint, name, who);
  }
  if (options.grant === 'authorization-code') requireBrowserFlow(metadata, who);
  return metadata;
}

function requireSecure(endpoint: string, name: string, who: string): void {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  const secure = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.href));
  if (secure && url.username === '' && url.password === '') return;
  throw new RefusedError('sign-in.endpoint', `${who}: its ${name} is not an https address, or has a user name in it`);
}

function requireBrowserFlow(metadata: AuthorizationServerMetadata, who: string): void {
  if (!(metadata.code_challenge_methods_supported ?? []).includes('S256')) {
    throw new RefusedError(
      'sign-in.pkce',
      `${who} does not say that it supports PKCE with S256, without which a code could be stolen; no sign-in was started`,
    );
  }
  if (!metadata.response_types_supported.includes('code')) {
    throw new UsageError('sign-in.metadata', `${who} does not support the authorization code grant`);
  }
}
