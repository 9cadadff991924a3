/**
 * A private key of any algorithm, and where its bytes come from.
 *
 * @module
 */
import { type KeyAlgorithm, type KeySpec, UsageError } from '@vitrine/documents';
import type { AppRoot } from '../app-root/app-root.ts';
import { type AesKey, aesKey } from './aes-key.ts';
import type { KeyLabel } from './messages.ts';
import {
  type Ed25519Key,
  ecdsaScalar,
  ed25519Key,
  isEcdsaScalar,
  type P256Key,
  p256Key,
  SCALAR_SEED_BYTES,
  type Secp256k1Key,
  secp256k1Key,
} from './signing-keys.ts';
import { walletKey } from './wallet-path.ts';
import { type X25519Key, x25519Key } from './x25519-key.ts';

export type KeyMaterial = Secp256k1Key | P256Key | Ed25519Key | X25519Key | AesKey;
export type RandomBytes = (length: number) => Uint8Array;

const WALLET_SEED_BYTES = 64;

/** Raw size of public keys, in bytes; symmetric keys have none. */
export const PUBLIC_KEY_BYTES: Readonly<Record<KeyAlgorithm, number>> = {
  secp256k1: 64,
  p256: 64,
  ed25519: 32,
  x25519: 32,
  aes256: 0,
};

/** A key of this boot. */
export async function generatedKey(
  algorithm: KeyAlgorithm,
  label: KeyLabel,
  randomBytes: RandomBytes,
): Promise<KeyMaterial> {
  const length = seedLength(algorithm);
  const drawn = randomBytes(length);
  if (drawn.length !== length) throw new TypeError(`asked for ${length} random bytes and got ${drawn.length}`);
  const seed = Uint8Array.from(drawn);
  drawn.fill(0);
  return fromSeed(algorithm, label, seed, randomBytes);
}

/** A key from the root; another version, algorithm or name is another key. */
export async function derivedKey(
  spec: Extract<KeySpec, { origin: 'derived' }>,
  label: KeyLabel,
  root: AppRoot,
  randomBytes: RandomBytes,
): Promise<KeyMaterial> {
  const { algorithm, path } = spec;
  const derivation = { usage: 'key', algorithm, ...label, scope: 'service' } as const;
  if (path === undefined) {
    return fromSeed(algorithm, label, root.derive(derivation, seedLength(algorithm)), randomBytes);
  }
  if (algorithm !== 'secp256k1' && algorithm !== 'ed25519') {
    throw new UsageError(
      'keys.path',
      `the key ${label.name} has a derivation path, which exists for secp256k1 and ed25519 and not for ${algorithm}; remove it`,
    );
  }
  const seed = root.derive({ ...derivation, purpose: 'wallet-seed' }, WALLET_SEED_BYTES);
  try {
    return await fromSecret(algorithm, label, walletKey(algorithm, seed, path), randomBytes);
  } finally {
    seed.fill(0);
  }
}

/** A key from its private bytes, or `undefined` where they are none. They are copied. */
export async function importedKey(
  algorithm: KeyAlgorithm,
  label: KeyLabel,
  secret: Uint8Array,
  randomBytes: RandomBytes,
): Promise<KeyMaterial | undefined> {
  if (secret.length !== 32) return undefined;
  if ((algorithm === 'secp256k1' || algorithm === 'p256') && !isEcdsaScalar(algorithm, secret)) return undefined;
  return fromSecret(algorithm, label, Uint8Array.from(secret), randomBytes);
}

export function publicKeyOf(material: KeyMaterial): Uint8Array | undefined {
  return material.algorithm === 'aes256' ? undefined : material.publicKey;
}

function seedLength(algorithm: KeyAlgorithm): number {
  return algorithm === 'secp256k1' || algorithm === 'p256' ? SCALAR_SEED_BYTES : 32;
}

/** Overwrites `seed`. */
async function fromSeed(
  algorithm: KeyAlgorithm,
  label: KeyLabel,
  seed: Uint8Array,
  randomBytes: RandomBytes,
): Promise<KeyMaterial> {
  if (algorithm !== 'secp256k1' && algorithm !== 'p256') return fromSecret(algorithm, label, seed, randomBytes);
  try {
    return await fromSecret(algorithm, label, ecdsaScalar(algorithm, seed), randomBytes);
  } finally {
    seed.fill(0);
  }
}

/** Overwrites `secret`. */
async function fromSecret(
  algorithm: KeyAlgorithm,
  label: KeyLabel,
  secret: Uint8Array,
  randomBytes: RandomBytes,
): Promise<KeyMaterial> {
  try {
    switch (algorithm) {
      case 'secp256k1':
        return secp256k1Key(secret, randomBytes);
      case 'p256':
        return p256Key(secret, randomBytes);
      case 'ed25519':
        return ed25519Key(secret);
      case 'x25519':
        return await x25519Key(label, secret, randomBytes);
      case 'aes256':
        return aesKey(label, secret, randomBytes);
    }
  } finally {
    secret.fill(0);
  }
}
