/**
 * A symmetric key: encryption and MACs, each with keys of its own below it.
 *
 * Ciphertext is `format ‖ version ‖ salt (32) ‖ AES-256-GCM ciphertext ‖ tag (16)`. Key and nonce of a message
 * come from HKDF-SHA-256 over its salt, and the salt from randomness and plaintext together, so no key and
 * nonce pair ever serves two plaintexts.
 *
 * Specifications: NIST SP 800-38D, RFC 5869, RFC 2104.
 *
 * @module
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto';
import { concatBytes } from '@vitrine/documents';
import { lengthPrefixed } from '../app-root/length-prefixed.ts';
import { contextInfo, HEADER_BYTES, header, hedged, type KeyLabel, unreadable } from './messages.ts';

export interface AesKey {
  readonly algorithm: 'aes256';
  encrypt(context: string, plaintext: Uint8Array): Promise<Uint8Array>;
  decrypt(context: string, message: Uint8Array): Promise<Uint8Array>;
  /** HMAC-SHA-256, 32 bytes. */
  mac(context: string, message: Uint8Array): Uint8Array;
  close(): void;
}

const CIPHER = 'aes-256-gcm';
const SALT_BYTES = 32;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const EMPTY: Uint8Array = new Uint8Array(0);

/** @param secret - 32 bytes; the caller may overwrite them afterwards. */
export function aesKey(label: KeyLabel, secret: Uint8Array, randomBytes: (length: number) => Uint8Array): AesKey {
  if (secret.length !== 32) throw new TypeError(`an AES-256 key has 32 bytes, not ${secret.length}`);
  const subkey = (use: string): Uint8Array<ArrayBuffer> =>
    new Uint8Array(hkdfSync('sha256', secret, EMPTY, lengthPrefixed(`vitrine/aes256/${use}/v1`, []), KEY_BYTES));
  const encryption = subkey('encrypt');
  const hedge = subkey('hedge');
  const authentication = subkey('mac');
  const aad = header(label.version);

  const withMessageKey = <T>(salt: Uint8Array, info: Uint8Array, use: (key: Uint8Array, nonce: Uint8Array) => T): T => {
    const bytes = new Uint8Array(hkdfSync('sha256', encryption, salt, info, KEY_BYTES + NONCE_BYTES));
    try {
      return use(bytes.subarray(0, KEY_BYTES), bytes.subarray(KEY_BYTES));
    } finally {
      bytes.fill(0);
    }
  };

  return {
    algorithm: 'aes256',
    encrypt: async (context, plaintext) => {
      const info = contextInfo('vitrine/encrypt/v1', label, context);
      const salt = hedged(hedge, randomBytes(SALT_BYTES), info, plaintext);
      return withMessageKey(salt, info, (key, nonce) => {
        const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(aad);
        return concatBytes(aad, salt, cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
      });
    },
    decrypt: async (context, message) => {
      const info = contextInfo('vitrine/encrypt/v1', label, context);
      if (message.length < HEADER_BYTES + SALT_BYTES + TAG_BYTES) throw unreadable();
      const salt = message.subarray(HEADER_BYTES, HEADER_BYTES + SALT_BYTES);
      return withMessageKey(salt, info, (key, nonce) => {
        const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(
          message.subarray(0, HEADER_BYTES),
        );
        decipher.setAuthTag(message.subarray(-TAG_BYTES));
        const plaintext = decipher.update(message.subarray(HEADER_BYTES + SALT_BYTES, -TAG_BYTES));
        try {
          decipher.final();
          return Uint8Array.from(plaintext);
        } catch {
          throw unreadable();
        } finally {
          plaintext.fill(0);
        }
      });
    },
    mac: (context, message) => {
      const info = contextInfo('vitrine/mac/v1', label, context);
      const key = new Uint8Array(hkdfSync('sha256', authentication, EMPTY, info, KEY_BYTES));
      try {
        return new Uint8Array(createHmac('sha256', key).update(message).digest());
      } finally {
        key.fill(0);
      }
    },
    close: () => {
      for (const key of [encryption, hedge, authentication]) key.fill(0);
    },
  };
}
