/**
 * Authenticated encryption of what the store writes.
 *
 * Nonces are 192 bits: a keyed hash of fresh random bytes, the associated data and the plaintext. Random
 * bytes alone would do, unless a machine is copied while it runs and both copies draw the same ones; then
 * equal nonces still mean equal messages, which give nothing away.
 *
 * @module
 */
import { concatBytes } from '@vitrine/documents';
import { integers } from './bytes.ts';
import type { KeyedHash } from './keyed-hash.ts';
import { pad, unpad } from './padding.ts';
import { decrypt, encrypt } from './xchacha.ts';

export const NONCE_BYTES = 24;
const TAG_BYTES = 16;
/** The nonce and the tag after it: together they name one act of encryption for good. */
export const SEAL_BYTES: number = NONCE_BYTES + TAG_BYTES;

export interface Sealed {
  readonly seal: Uint8Array;
  readonly body: Uint8Array;
}

export interface Cipher {
  /** Pads and encrypts. */
  readonly seal: (associated: Uint8Array, content: Uint8Array) => Sealed;
  /** The content, or `undefined` where anything differs from what was sealed: there is no partial result. */
  readonly open: (associated: Uint8Array, sealed: Sealed) => Uint8Array<ArrayBuffer> | undefined;
  /** Overwrites the key. */
  readonly wipe: () => void;
}

/** Keeps `key`, which must be the caller's to give away. */
export function createCipher(key: Uint8Array, nonces: KeyedHash, randomBytes: (count: number) => Uint8Array): Cipher {
  return {
    seal: (associated, content) => {
      const random = randomBytes(NONCE_BYTES);
      if (random.length !== NONCE_BYTES)
        throw new TypeError(`randomBytes gave ${random.length} bytes, not ${NONCE_BYTES}`);
      const padded = pad(content);
      const nonce = nonces.digest(random, integers(associated.length), associated, padded).subarray(0, NONCE_BYTES);
      const { body, tag } = encrypt({ key, nonce, associated }, padded);
      return { seal: concatBytes(nonce, tag), body };
    },
    open: (associated, { seal, body }) => {
      if (seal.length !== SEAL_BYTES) return undefined;
      const nonce = seal.subarray(0, NONCE_BYTES);
      const padded = decrypt({ key, nonce, associated }, { body, tag: seal.subarray(NONCE_BYTES) });
      return padded && unpad(padded);
    },
    wipe: () => {
      key.fill(0);
    },
  };
}
