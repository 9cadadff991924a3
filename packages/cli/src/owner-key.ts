/**
 * Owner keys: Ed25519 keys of people, in files of their own, by which an enclave knows who hands in a secret.
 *
 * @module
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { SecretOwner } from '@vitrine/client';
import { UsageError } from '@vitrine/documents';
import { readText } from './inputs.ts';

/** Makes a key; the file must not be there. Gives its public key, 64 hexadecimal digits. */
export function makeOwnerKey(file: string): string {
  const { privateKey } = generateKeyPairSync('ed25519');
  try {
    writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    throw new UsageError('owner.unwritable', `cannot write an owner key to ${file}: ${reasonOf(cause)}`, { cause });
  }
  return publicKeyOf(privateKey);
}

function reasonOf(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === 'EEXIST') return 'the file is there already, and is kept; name another one';
  if (code === 'ENOENT') return 'there is no such folder';
  return code === 'EACCES' ? 'permission denied' : message;
}

/** @throws UsageError for a file that holds no Ed25519 private key; what it holds is never shown. */
export function readOwnerKey(file: string): SecretOwner {
  const text = readText(file);
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey(text);
  } catch {
    // What the library says could quote the file.
  }
  if (key?.asymmetricKeyType !== 'ed25519') {
    throw new UsageError(
      'owner.key',
      `${file} is not an Ed25519 private key in PEM; make one with "vitrine secrets keygen FILE"`,
    );
  }
  const own = key;
  return { publicKey: publicKeyOf(own), sign: (bytes) => new Uint8Array(sign(null, bytes, own)) };
}

function publicKeyOf(key: KeyObject): string {
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' });
  return Buffer.from(x, 'base64url').toString('hex');
}
