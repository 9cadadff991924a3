/**
 * What is kept of a sign-in, one file per server: `<home>/tokens/<SHA-256 of the URL>.json`, readable
 * by its owner only, replaced as a whole and written under a lock between processes.
 *
 * A refresh token may be good for one use, so whoever refreshes holds the lock from reading the old
 * one until the new one is on the disk.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { integer, object, oneOf, optional, parseDocument, type Shape, text, UsageError } from '@vitrine/documents';
import { atomicWrite } from '../pins/atomic-write.ts';
import { withLock } from '../pins/file-lock.ts';
import { secretShape } from './secret-text.ts';

/** Longer than a refresh may take. */
const LOCK_WAIT_MS = 45_000;

export interface StoredClient {
  readonly kind: 'dynamic' | 'metadata-document' | 'registered';
  readonly clientId: string;
  /** The rest belongs to dynamic registrations. */
  readonly redirectUri?: string;
  readonly clientSecret?: string;
  readonly tokenEndpointAuthMethod?: string;
  /** Milliseconds since 1970. */
  readonly secretExpiresAt?: number;
}

export interface StoredTokens {
  readonly accessToken: string;
  readonly refreshToken?: string;
  /** Milliseconds since 1970. */
  readonly expiresAt?: number;
  /** What was granted, where the authorization server said so. */
  readonly scope?: string;
}

export interface StoredSignIn {
  readonly type: 'vitrine/tokens/v1';
  /** Normalised URL of the server that the tokens are for. */
  readonly url: string;
  readonly issuer: string;
  readonly grant: 'authorization-code' | 'client-credentials';
  /** Resource indicator (RFC 8707). */
  readonly resource: string;
  readonly resourceMetadataUrl?: string;
  /** Everything that was asked for so far. */
  readonly requestedScope?: string;
  readonly client: StoredClient;
  /** Absent once they were refused. */
  readonly tokens?: StoredTokens;
}

/** Where the sign-in for one server is kept. */
export interface TokenStore {
  read(): Promise<StoredSignIn | undefined>;
  write(value: StoredSignIn): Promise<void>;
  /** Runs `action` while no other process does. */
  exclusive<T>(action: () => Promise<T>): Promise<T>;
}

/** The form of access tokens in `Authorization: Bearer` (RFC 6750). */
export const BEARER_TOKEN: RegExp = /^[A-Za-z0-9\-._~+/]+=*$/;
const OPAQUE = /^[\x20-\x7e]+$/;

const url = text('a URL', /^https?:\/\/[^\s]+$/);
const client: Shape<StoredClient> = object({
  kind: oneOf('dynamic', 'metadata-document', 'registered'),
  clientId: text('a client id', OPAQUE),
  redirectUri: optional(url),
  clientSecret: optional(secretShape('a client secret', OPAQUE)),
  tokenEndpointAuthMethod: optional(text('an authentication method', /^[a-z0-9_]+$/)),
  secretExpiresAt: optional(integer(0)),
});
const tokens: Shape<StoredTokens> = object({
  accessToken: secretShape('an access token', BEARER_TOKEN),
  refreshToken: optional(secretShape('a refresh token', OPAQUE)),
  expiresAt: optional(integer(0)),
  scope: optional(text('scopes', OPAQUE)),
});
const signInShape: Shape<StoredSignIn> = object({
  type: oneOf('vitrine/tokens/v1'),
  url,
  issuer: url,
  grant: oneOf('authorization-code', 'client-credentials'),
  resource: url,
  resourceMetadataUrl: optional(url),
  requestedScope: optional(text('scopes', OPAQUE)),
  client,
  tokens: optional(tokens),
});

/** The file for a normalised server URL. */
export function tokenFile(home: string, serverUrl: string): string {
  return join(home, 'tokens', `${createHash('sha256').update(serverUrl, 'utf8').digest('hex')}.json`);
}

/** The store in a user's Vitrine directory. */
export function fileTokenStore(
  home: string,
  serverUrl: string,
  platform: NodeJS.Platform = process.platform,
): TokenStore {
  const file = tokenFile(home, serverUrl);
  return {
    async read() {
      const content = await readOwn(file, platform);
      if (content === undefined) return undefined;
      const value = parse(content, file);
      if (value.url === serverUrl) return value;
      throw damaged(file, 'it belongs to another server');
    },
    async write(value) {
      const checked = signInShape.parse(value);
      if (!checked.ok) throw new UsageError('tokens.shape', `cannot keep the tokens: ${checked.issues[0]?.message}`);
      await atomicWrite(file, `${JSON.stringify(value, undefined, 2)}\n`, 0o600);
    },
    async exclusive(action) {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      return withLock(`${file}.lock`, { waitMs: LOCK_WAIT_MS }, action);
    },
  };
}

/** A store that forgets: for programs that keep nothing. */
export function memoryTokenStore(): TokenStore {
  let kept: StoredSignIn | undefined;
  let turn: Promise<unknown> = Promise.resolve();
  return {
    read: async () => kept,
    write: async (value) => {
      kept = value;
    },
    exclusive(action) {
      const result = turn.then(action, action);
      turn = result.catch(() => undefined);
      return result;
    },
  };
}

/** Forgets the sign-in for a server. Says whether there was one. */
export async function forgetTokens(home: string, serverUrl: string): Promise<boolean> {
  const file = tokenFile(home, serverUrl);
  const existed = await stat(file).then(
    () => true,
    () => false,
  );
  await rm(file, { force: true });
  return existed;
}

async function readOwn(file: string, platform: NodeJS.Platform): Promise<string | undefined> {
  try {
    const { mode } = await stat(file);
    if (platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new UsageError('tokens.mode', `others can read ${file}; run: chmod 600 ${file}`);
    }
    return await readFile(file, 'utf8');
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new UsageError('tokens.unreadable', `cannot read ${file}: ${code}`, { cause });
  }
}

function parse(content: string, file: string): StoredSignIn {
  try {
    return parseDocument(content, signInShape, file);
  } catch (error) {
    // A syntax error may show a piece of the file; that piece may be a token.
    if (error instanceof UsageError && error.code === 'document.shape') throw damaged(file, error.message);
    throw damaged(file, 'it is not strict JSON');
  }
}

function damaged(file: string, why: string): UsageError {
  return new UsageError('tokens.damaged', `${file} cannot be used: ${why}. Delete it and sign in again`);
}
