/**
 * The keys of one store, derived from the key that it is opened with (HKDF-SHA-256, RFC 5869): one for each
 * use, and all of them different for another store name and for a store that was made anew.
 *
 * @module
 */
import { hkdfSync } from 'node:crypto';
import { fields, utf8 } from './bytes.ts';
import { type Cipher, createCipher } from './cipher.ts';
import type { HeadKeys } from './head.ts';
import { type KeyedHash, keyedHash } from './keyed-hash.ts';

export const KEY_BYTES = 32;
/** Random bytes that a store is made with; they stand in the file in clear. */
export const SALT_BYTES = 32;

export interface StoreKeys extends HeadKeys {
  /** Names to places. */
  readonly names: KeyedHash;
  /** What each record adds to the digest of all of them. */
  readonly members: KeyedHash;
  readonly records: Cipher;
  readonly labels: Cipher;
  readonly wipe: () => void;
}

export function deriveStoreKeys(
  key: Uint8Array,
  salt: Uint8Array,
  storeName: Uint8Array,
  randomBytes: (count: number) => Uint8Array,
): StoreKeys {
  const derive = (usage: string): Uint8Array =>
    new Uint8Array(
      hkdfSync('sha256', key, salt, fields(utf8('vitrine/storage/v1'), utf8(usage), storeName), KEY_BYTES),
    );
  const hash = (usage: string): KeyedHash => {
    const derived = derive(usage);
    const keyed = keyedHash(derived);
    derived.fill(0);
    return keyed;
  };
  const nonces = hash('nonces');
  const keys = {
    names: hash('names'),
    members: hash('members'),
    records: createCipher(derive('records'), nonces, randomBytes),
    labels: createCipher(derive('labels'), nonces, randomBytes),
    heads: hash('heads'),
    masks: hash('masks'),
  };
  return {
    ...keys,
    wipe: () => {
      nonces.wipe();
      for (const one of Object.values(keys)) one.wipe();
    },
  };
}
