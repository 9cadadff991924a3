/**
 * Wrapping of the root in one slot.
 *
 * The wrapping key and nonce come from HKDF-SHA-256 over the secrets of all sources, each after its length,
 * with the slot's salt and the digest of everything else in the slot. So a slot has a key that nothing else
 * has, which also holds for two copies of a machine that go on from one snapshot: they could only repeat a
 * key for the same context. The digest is the associated data, too.
 *
 * Specifications: RFC 5869, NIST SP 800-38D (AES-256-GCM, 96-bit nonce, 128-bit tag).
 *
 * @module
 */
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import type { RootSecretSource } from '@vitrine/attester';
import { concatBytes, fromHex, toHex, UsageError } from '@vitrine/documents';
import { contextDigest, type Keyslot, type SlotContext } from './keyslot-document.ts';
import { lengthPrefixed } from './length-prefixed.ts';

const KEY_TAG = 'vitrine/keyslot/v1';
const SECRETS_TAG = 'vitrine/keyslot-secrets/v1';
const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Wraps `root` for exactly this context. */
export async function sealSlot(
  root: Uint8Array,
  context: SlotContext,
  sources: readonly RootSecretSource[],
): Promise<Keyslot> {
  return withWrappingKey(context, sources, (key, nonce, associated) => {
    const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(associated);
    const sealed = concatBytes(cipher.update(root), cipher.final(), cipher.getAuthTag());
    return { ...context, sealed: toHex(sealed) };
  });
}

/** The root, or `undefined` where the secrets are others or the slot was changed: which of both cannot be told. */
export async function openSlot(
  slot: Keyslot,
  sources: readonly RootSecretSource[],
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  return withWrappingKey(slot, sources, (key, nonce, associated) => {
    const sealed = digits(slot.sealed);
    const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(associated);
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    const root = decipher.update(sealed.subarray(0, -TAG_BYTES));
    try {
      decipher.final();
      return Uint8Array.from(root);
    } catch {
      return undefined;
    } finally {
      root.fill(0);
    }
  });
}

async function withWrappingKey<T>(
  context: SlotContext,
  sources: readonly RootSecretSource[],
  use: (key: Uint8Array, nonce: Uint8Array, associated: Uint8Array) => T,
): Promise<T> {
  const digest = digits(await contextDigest(context));
  const info = lengthPrefixed(KEY_TAG, [digest]);
  const secrets: Uint8Array[] = [];
  let material = new Uint8Array(0);
  let wrapping = new Uint8Array(0);
  try {
    for (const source of sources) secrets.push(await usableSecret(source));
    material = lengthPrefixed(SECRETS_TAG, secrets);
    wrapping = new Uint8Array(hkdfSync('sha256', material, digits(context.salt), info, KEY_BYTES + NONCE_BYTES));
    return use(wrapping.subarray(0, KEY_BYTES), wrapping.subarray(KEY_BYTES), digest);
  } finally {
    for (const secret of [...secrets, material, wrapping]) secret.fill(0);
  }
}

async function usableSecret(source: RootSecretSource): Promise<Uint8Array> {
  const secret = await source.secret();
  if (secret.length === 32 && secret.some((byte) => byte !== 0)) return secret;
  const found = secret.length === 32 ? 'only zeros' : `${secret.length} bytes`;
  throw new UsageError(
    'keys.root-source',
    `the root secret source ${JSON.stringify(source.description.kind)} must give 32 secret bytes, and gave ${found}; repair the platform's key source`,
  );
}

function digits(hexadecimal: string): Uint8Array<ArrayBuffer> {
  const bytes = fromHex(hexadecimal);
  if (bytes === undefined) throw new TypeError('the shape lets only hexadecimal digits through');
  return bytes;
}
