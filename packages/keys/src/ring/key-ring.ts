/**
 * All keys that the manifest names, each usable and none readable: private keys are held in closures, and
 * nothing here gives one out.
 *
 * The ring decides nothing. Whoever calls it has decoded the request and asked the policy first.
 *
 * @module
 */
import { fromHex, type KeyAlgorithm, type KeySpec, type Manifest, toHex, UsageError } from '@vitrine/documents';
import type { AppRoot } from '../app-root/app-root.ts';
import { RefusedRequestError } from '../intent.ts';
import type { PublicKey } from '../wire.ts';
import { keyAddress } from './addresses.ts';
import { checkKeySpecs } from './check-specs.ts';
import {
  derivedKey,
  generatedKey,
  importedKey,
  type KeyMaterial,
  publicKeyOf,
  type RandomBytes,
} from './key-material.ts';
import { versionOf } from './messages.ts';
import type { Secp256k1Signature } from './signing-keys.ts';

export interface KeyRing {
  /** ECDSA over 32 bytes that were hashed already. */
  signSecp256k1(name: string, hash: Uint8Array): Secp256k1Signature;
  /** r ‖ s over SHA-256 of the message, 64 bytes, low s. */
  signP256(name: string, message: Uint8Array): Uint8Array;
  /** 64 bytes. */
  signEd25519(name: string, message: Uint8Array): Uint8Array;
  /** With the active version. `context` must be given again to decrypt. */
  encrypt(name: string, context: string, plaintext: Uint8Array): Promise<Uint8Array>;
  /** With the version that the ciphertext names, where it is active or retired. */
  decrypt(name: string, context: string, ciphertext: Uint8Array): Promise<Uint8Array>;
  /** HMAC-SHA-256, 32 bytes, with the active version. */
  mac(name: string, context: string, message: Uint8Array): Uint8Array;
  /**
   * Hands in the private key of origin `imported`: 32 bytes, a seed or a big-endian scalar. They are copied.
   *
   * @throws RefusedRequestError `keys.import` where its public key is not the manifest's.
   */
  importKey(name: string, secret: Uint8Array): Promise<void>;
  /** Active versions by name. */
  publicKeys(): readonly PublicKey[];
  /** Raw public key of a version, by default the active one; `undefined` for symmetric keys and versions that do not exist. */
  publicKey(name: string, version?: number): Uint8Array | undefined;
  /** EIP-55 or base58, where the key is one of a chain. */
  address(name: string): string | undefined;
  /** Overwrites what can be overwritten; nothing can be used any more. Idempotent. */
  close(): void;
}

export interface KeyRingOptions {
  readonly keys: Manifest['keys'] | undefined;
  /** Needed exactly where keys are derived. */
  readonly root?: AppRoot;
  /** Cryptographically secure. */
  readonly randomBytes: RandomBytes;
}

interface Entry {
  readonly spec: KeySpec;
  /** By version. An imported key has none until it is handed in. */
  readonly versions: Map<number, KeyMaterial>;
}

/**
 * Makes or derives the keys.
 *
 * @throws UsageError for a specification that cannot be met, and `keys.root-needed` for derived keys without a root.
 */
export async function openKeyRing(options: KeyRingOptions): Promise<KeyRing> {
  const { keys = {}, root, randomBytes } = options;
  checkKeySpecs(keys);
  const entries = new Map<string, Entry>();
  for (const name of Object.keys(keys).toSorted()) {
    const spec = keys[name];
    if (spec !== undefined) entries.set(name, { spec, versions: await initialVersions(name, spec, root, randomBytes) });
  }
  return ringOf(entries, randomBytes);
}

function ringOf(entries: ReadonlyMap<string, Entry>, randomBytes: RandomBytes): KeyRing {
  let closed = false;
  const entryOf = (name: string): Entry => {
    if (closed) throw new RefusedRequestError('keys.closed', 'the key service is ending');
    const entry = entries.get(name);
    if (entry !== undefined) return entry;
    throw new RefusedRequestError('keys.unknown-key', `the manifest names no key ${JSON.stringify(name)}`);
  };
  const materialOf = (name: string, version?: number): KeyMaterial => {
    const { spec, versions } = entryOf(name);
    const material = versions.get(version ?? spec.version);
    if (material !== undefined) return material;
    if (spec.origin === 'imported' && versions.size === 0) {
      throw new RefusedRequestError(
        'keys.not-imported',
        `the key ${name} was not handed in yet; its owner must seal it`,
      );
    }
    throw new RefusedRequestError('keys.unknown-version', `the key ${name} has no version ${version} any more`);
  };
  const publicKey = (name: string, version?: number): Uint8Array | undefined => {
    const { spec, versions } = entryOf(name);
    const wanted = version ?? spec.version;
    if (spec.origin === 'imported') return wanted === spec.version ? fromHex(spec.publicKey) : undefined;
    const material = versions.get(wanted);
    const found = material === undefined ? undefined : publicKeyOf(material);
    return found === undefined ? undefined : Uint8Array.from(found);
  };
  const address = (name: string): string | undefined => {
    const found = publicKey(name);
    return found === undefined ? undefined : keyAddress(entryOf(name).spec, found);
  };

  return Object.freeze({
    signSecp256k1: (name: string, hash: Uint8Array) => {
      const key = materialOf(name);
      if (key.algorithm !== 'secp256k1') throw wrongAlgorithm(name, key.algorithm, 'sign with secp256k1');
      return key.signHash(hash);
    },
    signP256: (name: string, message: Uint8Array) => {
      const key = materialOf(name);
      if (key.algorithm !== 'p256') throw wrongAlgorithm(name, key.algorithm, 'sign with P-256');
      return key.sign(message);
    },
    signEd25519: (name: string, message: Uint8Array) => {
      const key = materialOf(name);
      if (key.algorithm !== 'ed25519') throw wrongAlgorithm(name, key.algorithm, 'sign with Ed25519');
      return key.sign(message);
    },
    encrypt: async (name: string, context: string, plaintext: Uint8Array) =>
      cipherOf(name, materialOf(name)).encrypt(context, plaintext),
    decrypt: async (name: string, context: string, ciphertext: Uint8Array) => {
      cipherOf(name, materialOf(name));
      return cipherOf(name, materialOf(name, versionOf(ciphertext))).decrypt(context, ciphertext);
    },
    mac: (name: string, context: string, message: Uint8Array) => {
      const key = materialOf(name);
      if (key.algorithm !== 'aes256') throw wrongAlgorithm(name, key.algorithm, 'make a MAC');
      return key.mac(context, message);
    },
    importKey: async (name: string, secret: Uint8Array) => {
      const { spec, versions } = entryOf(name);
      if (spec.origin !== 'imported') {
        throw new RefusedRequestError(
          'keys.import',
          `the key ${name} is ${spec.origin} inside and cannot be handed in`,
        );
      }
      const material = await importedKey(spec.algorithm, { name, version: spec.version }, secret, randomBytes);
      const found = material === undefined ? undefined : publicKeyOf(material);
      if (material === undefined || found === undefined || toHex(found) !== spec.publicKey) {
        material?.close();
        throw new RefusedRequestError(
          'keys.import',
          `what was handed in for the key ${name} is not the private key of the public key in the manifest`,
        );
      }
      versions.get(spec.version)?.close();
      versions.set(spec.version, material);
    },
    publicKeys: () => {
      const names = [...entries.keys()];
      return names.map((name) => {
        const { algorithm, version } = entryOf(name).spec;
        const key = publicKey(name);
        const onChain = address(name);
        return {
          name,
          algorithm,
          version,
          ...(key === undefined ? {} : { publicKey: toHex(key) }),
          ...(onChain === undefined ? {} : { address: onChain }),
        };
      });
    },
    publicKey,
    address,
    close: () => {
      closed = true;
      for (const { versions } of entries.values()) {
        for (const material of versions.values()) material.close();
        versions.clear();
      }
    },
  });
}

async function initialVersions(
  name: string,
  spec: KeySpec,
  root: AppRoot | undefined,
  randomBytes: RandomBytes,
): Promise<Map<number, KeyMaterial>> {
  const versions = new Map<number, KeyMaterial>();
  switch (spec.origin) {
    case 'imported':
      break;
    case 'generated':
      versions.set(spec.version, await generatedKey(spec.algorithm, { name, version: spec.version }, randomBytes));
      break;
    case 'derived':
      if (root === undefined) {
        throw new UsageError('keys.root-needed', `the key ${name} is derived, so there must be a root of keys`);
      }
      for (const version of [spec.version, ...(spec.retired ?? [])]) {
        versions.set(version, await derivedKey(spec, { name, version }, root, randomBytes));
      }
  }
  return versions;
}

function cipherOf(name: string, key: KeyMaterial): Extract<KeyMaterial, { readonly algorithm: 'aes256' | 'x25519' }> {
  if (key.algorithm === 'aes256' || key.algorithm === 'x25519') return key;
  throw wrongAlgorithm(name, key.algorithm, 'encrypt or decrypt');
}

function wrongAlgorithm(name: string, algorithm: KeyAlgorithm, what: string): RefusedRequestError {
  return new RefusedRequestError('keys.wrong-algorithm', `the key ${name} is of ${algorithm} and cannot ${what}`);
}
