/**
 * Reads `--oauth-client`: a client that its owner registered with an authorization server beforehand.
 *
 * The file names the issuer, so that nobody else can have the secret shown to them: which
 * authorization server is asked is otherwise the MCP server's choice.
 *
 * @module
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import { object, oneOf, optional, parseDocument, type Shape, text, UsageError } from '@vitrine/documents';
import type { RegisteredClient } from './client-identity.ts';
import { readSecretFile } from './header-file.ts';
import { secretShape } from './secret-text.ts';

/** The document. */
interface OAuthClientFile {
  readonly clientId: string;
  readonly issuer: string;
  readonly clientSecret?: string;
  readonly tokenEndpointAuthMethod?: 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' | 'none';
  /** PEM, relative to this file. For `private_key_jwt`. */
  readonly privateKeyFile?: string;
}

const oauthClientShape: Shape<OAuthClientFile> = object({
  clientId: text('the client id', /^[\x21-\x7e]{1,2048}$/),
  issuer: text('the issuer of the authorization server, an https URL', /^https?:\/\/[^\s?#@]+$/),
  clientSecret: optional(secretShape('a client secret of printable ASCII characters', /^[\x20-\x7e]{1,4096}$/)),
  tokenEndpointAuthMethod: optional(oneOf('client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none')),
  privateKeyFile: optional(text('the name of a PEM file')),
});

/**
 * Reads the file and the private key that it names.
 *
 * @throws UsageError for an unreadable or contradictory file; never with a secret in it.
 */
export async function readOAuthClient(
  file: string,
  platform: NodeJS.Platform,
  warn: (line: string) => void,
): Promise<RegisteredClient> {
  const given = parse(await readSecretFile(file, platform, warn), file);
  const { clientId, issuer, clientSecret, tokenEndpointAuthMethod: method, privateKeyFile } = given;
  const fail = (why: string): never => {
    throw new UsageError('oauth-client.contradiction', `${file}: ${why}`);
  };
  if (clientSecret !== undefined && privateKeyFile !== undefined) fail('give clientSecret or privateKeyFile, not both');
  if (method === 'private_key_jwt' && privateKeyFile === undefined) fail('private_key_jwt needs privateKeyFile');
  if (privateKeyFile !== undefined && method !== undefined && method !== 'private_key_jwt') {
    fail(`privateKeyFile is for private_key_jwt, not for ${method}`);
  }
  if (method?.startsWith('client_secret_') === true && clientSecret === undefined) fail(`${method} needs clientSecret`);
  if (method === 'none' && clientSecret !== undefined) fail('a client with the method none has no clientSecret');
  const registered = {
    clientId,
    issuer,
    ...(clientSecret === undefined ? {} : { clientSecret }),
    ...(method === undefined ? {} : { tokenEndpointAuthMethod: method }),
  };
  if (privateKeyFile === undefined) return registered;
  const keyFile = resolve(dirname(file), privateKeyFile);
  return { ...registered, privateKey: readKey(await readSecretFile(keyFile, platform, warn), keyFile) };
}

function parse(content: string, file: string): OAuthClientFile {
  try {
    return parseDocument(content, oauthClientShape, file);
  } catch (error) {
    if (error instanceof UsageError && error.code === 'document.shape') throw error;
    // A syntax error may show a piece of the file.
    throw new UsageError('document.syntax', `${file} is not strict JSON`);
  }
}

/** A private key as the SDK wants it. @throws UsageError, without the key. */
export function readKey(pem: string, name: string): { readonly pem: string; readonly algorithm: string } {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw new UsageError('oauth-client.key', `${name} holds no private key in PEM without a password`);
  }
  const algorithm = algorithmOf(key);
  if (algorithm === undefined) {
    throw new UsageError(
      'oauth-client.key',
      `${name}: expected an EC key on P-256 or P-384, or an RSA key of 2048 bits or more`,
    );
  }
  return { pem: key.export({ type: 'pkcs8', format: 'pem' }).toString(), algorithm };
}

function algorithmOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string | undefined {
  if (type === 'rsa') return (details?.modulusLength ?? 0) >= 2048 ? 'RS256' : undefined;
  if (type !== 'ec') return undefined;
  return new Map([
    ['prime256v1', 'ES256'],
    ['secp384r1', 'ES384'],
  ]).get(details?.namedCurve ?? '');
}
