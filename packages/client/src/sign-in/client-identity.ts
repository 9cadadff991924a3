/**
 * Who this program is to an authorization server. In the order of MCP 2026-07-28: a client id
 * metadata document where the server takes one, then a client that was registered beforehand, then
 * dynamic registration (RFC 7591, deprecated).
 *
 * @module
 */
import type {
  AuthorizationServerMetadata,
  OAuthClientInformationFull,
  OAuthClientInformationMixed,
  OAuthClientProvider,
} from '@modelcontextprotocol/client';
import { UsageError } from '@vitrine/documents';
import { RefusedError } from '../errors.ts';
import type { FetchLike } from '../net/outside-fetch.ts';
import { signInError } from './sign-in-error.ts';
import type { StoredClient } from './token-store.ts';

/** A client that its owner registered beforehand. */
export interface RegisteredClient {
  readonly clientId: string;
  /** Issuer of the only authorization server that may learn of the secret or key. */
  readonly issuer?: string;
  readonly clientSecret?: string;
  readonly tokenEndpointAuthMethod?: 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' | 'none';
  /** For `private_key_jwt` (RFC 7523): PKCS #8 in PEM. */
  readonly privateKey?: { readonly pem: string; readonly algorithm: string };
}

/** What this program can be; what is absent is not offered. Dynamic registration is always the last resort. */
export interface ClientIdentity {
  readonly registered?: RegisteredClient;
  /** https address of a client id metadata document, which then is the client id. */
  readonly metadataUrl?: string;
}

/** A client as it is used for one authorization server. */
export interface ChosenClient {
  readonly information: OAuthClientInformationMixed;
  readonly authenticate?: NonNullable<OAuthClientProvider['addClientAuthentication']>;
  /** What is kept of it: everything for a dynamic registration, the bare id otherwise. */
  readonly stored: StoredClient;
}

export interface ChoiceOptions {
  readonly identity: ClientIdentity;
  readonly metadata: AuthorizationServerMetadata;
  /** From an earlier sign-in at the same authorization server. */
  readonly stored: StoredClient | undefined;
  /** Absent for grants without a browser. */
  readonly redirectUri?: string;
  readonly scope: string | undefined;
  readonly fetch: FetchLike;
  /** In milliseconds. */
  readonly now: number;
}

/** Chooses, and registers where nothing else is possible. */
export async function chooseClient(options: ChoiceOptions): Promise<ChosenClient> {
  const { identity, metadata, stored } = options;
  if (identity.metadataUrl !== undefined && metadata.client_id_metadata_document_supported === true) {
    return {
      information: { client_id: identity.metadataUrl },
      stored: { kind: 'metadata-document', clientId: identity.metadataUrl },
    };
  }
  if (identity.registered !== undefined) return registered(identity.registered, metadata.issuer);
  if (options.redirectUri === undefined) {
    throw new UsageError('sign-in.client', 'client credentials need a registered client; give it with --oauth-client');
  }
  if (stored !== undefined && reusable(stored, options)) return fromStored(stored);
  if (metadata.registration_endpoint === undefined) {
    const also = identity.metadataUrl === undefined ? '' : ' and takes no client id metadata documents';
    throw new UsageError(
      'sign-in.client',
      `${metadata.issuer} does not register clients by itself${also}; register one there and give it with --oauth-client`,
    );
  }
  return register(options, options.redirectUri);
}

/** The client of an earlier registration, to refresh tokens that were issued to it. */
export async function storedClient(
  identity: ClientIdentity,
  stored: StoredClient,
  issuer: string,
): Promise<ChosenClient> {
  return stored.kind === 'registered' && identity.registered !== undefined
    ? registered(identity.registered, issuer)
    : fromStored(stored);
}

async function registered(client: RegisteredClient, issuer: string): Promise<ChosenClient> {
  if (client.issuer !== undefined && client.issuer !== issuer) {
    throw new RefusedError(
      'sign-in.issuer',
      `the server wants a sign-in at ${issuer}, but this client belongs to ${client.issuer}; its secret was not sent`,
    );
  }
  const { createPrivateKeyJwtAuth } = await import('@modelcontextprotocol/client');
  const { clientId, clientSecret, tokenEndpointAuthMethod, privateKey } = client;
  return {
    information: {
      client_id: clientId,
      ...(clientSecret === undefined ? {} : { client_secret: clientSecret }),
      ...(tokenEndpointAuthMethod === undefined ? {} : { token_endpoint_auth_method: tokenEndpointAuthMethod }),
    },
    ...(privateKey === undefined
      ? {}
      : {
          authenticate: createPrivateKeyJwtAuth({
            issuer: clientId,
            subject: clientId,
            privateKey: privateKey.pem,
            alg: privateKey.algorithm,
          }),
        }),
    stored: { kind: 'registered', clientId },
  };
}

function fromStored(stored: StoredClient): ChosenClient {
  return {
    information: {
      client_id: stored.clientId,
      ...(stored.clientSecret === undefined ? {} : { client_secret: stored.clientSecret }),
      ...(stored.tokenEndpointAuthMethod === undefined
        ? {}
        : { token_endpoint_auth_method: stored.tokenEndpointAuthMethod }),
    },
    stored,
  };
}

/** A registration holds for its redirect address, and as long as its secret. */
function reusable(stored: StoredClient, { redirectUri, now }: ChoiceOptions): boolean {
  return (
    stored.kind === 'dynamic' &&
    stored.redirectUri === redirectUri &&
    (stored.secretExpiresAt === undefined || stored.secretExpiresAt > now)
  );
}

async function register({ metadata, scope, fetch }: ChoiceOptions, redirectUri: string): Promise<ChosenClient> {
  const { registerClient } = await import('@modelcontextprotocol/client');
  const methods = metadata.token_endpoint_auth_methods_supported;
  const method =
    methods === undefined || methods.includes('none')
      ? 'none'
      : ['client_secret_basic', 'client_secret_post'].find((one) => methods.includes(one));
  const client: OAuthClientInformationFull = await registerClient(metadata.issuer, {
    metadata,
    clientMetadata: {
      client_name: 'Vitrine',
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      application_type: 'native',
      ...(method === undefined ? {} : { token_endpoint_auth_method: method }),
    },
    ...(scope === undefined ? {} : { scope }),
    fetchFn: (url, init) => fetch(String(url), init),
  }).catch((error: unknown) => {
    throw signInError(error, 'registering this client', metadata.issuer, []);
  });
  const { client_id, client_secret, client_secret_expires_at: expires, token_endpoint_auth_method } = client;
  return fromStored({
    kind: 'dynamic',
    clientId: client_id,
    redirectUri,
    ...(client_secret === undefined ? {} : { clientSecret: client_secret }),
    ...(token_endpoint_auth_method === undefined ? {} : { tokenEndpointAuthMethod: token_endpoint_auth_method }),
    ...(expires === undefined || expires === 0 ? {} : { secretExpiresAt: expires * 1000 }),
  });
}
