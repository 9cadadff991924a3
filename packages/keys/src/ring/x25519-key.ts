/**
 * An X25519 key that decrypts what was encrypted to it: HPKE in base mode to the key's own public half.
 *
 * Ciphertext is `format ‖ version ‖ enc (32) ‖ AES-256-GCM ciphertext with tag`; the HPKE info names key,
 * version and context, the associated data is the header. Base mode says nothing of who encrypted.
 *
 * Specification: RFC 9180, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
 *
 * @module
 */
import { hkdfSync, webcrypto } from 'node:crypto';
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import { concatBytes } from '@vitrine/documents';
import { lengthPrefixed } from '../app-root/length-prefixed.ts';
import { contextInfo, HEADER_BYTES, header, hedged, type KeyLabel, unreadable } from './messages.ts';
import { privateKeyInfo, privateKeyObject, rawPublicKey } from './raw-keys.ts';

export interface X25519Key {
  readonly algorithm: 'x25519';
  readonly publicKey: Uint8Array;
  encrypt(context: string, plaintext: Uint8Array): Promise<Uint8Array>;
  decrypt(context: string, message: Uint8Array): Promise<Uint8Array>;
  close(): void;
}

const ENC_BYTES = 32;
const TAG_BYTES = 16;
const TAG = 'vitrine/hpke/v1';
const HEDGE_TAG = 'vitrine/x25519/hedge/v1';

/** @param secret - 32 bytes; the caller may overwrite them afterwards. */
export async function x25519Key(
  label: KeyLabel,
  secret: Uint8Array,
  randomBytes: (length: number) => Uint8Array,
): Promise<X25519Key> {
  const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
  const publicBytes = rawPublicKey(privateKeyObject('x25519', secret));
  const publicKey = await suite.kem.deserializePublicKey(publicBytes);
  const der = privateKeyInfo('x25519', secret);
  // Not extractable, unlike what the library itself would make of the bytes.
  const privateKey = await webcrypto.subtle.importKey('pkcs8', der, 'X25519', false, ['deriveBits']);
  der.fill(0);
  const hedge = new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(0), lengthPrefixed(HEDGE_TAG, []), 32));
  const aad = header(label.version);

  return {
    algorithm: 'x25519',
    publicKey: publicBytes,
    encrypt: async (context, plaintext) => {
      const info = contextInfo(TAG, label, context);
      // The ephemeral key is derived and not drawn, so that copies of a machine cannot use one twice.
      const ekm = hedged(hedge, randomBytes(32), info, plaintext);
      const sender = await suite.createSenderContext({ recipientPublicKey: publicKey, info, ekm });
      const sealed = await sender.seal(Uint8Array.from(plaintext), aad);
      ekm.fill(0);
      return concatBytes(aad, new Uint8Array(sender.enc), new Uint8Array(sealed));
    },
    decrypt: async (context, message) => {
      const info = contextInfo(TAG, label, context);
      if (message.length < HEADER_BYTES + ENC_BYTES + TAG_BYTES) throw unreadable();
      const [head, enc, sealed] = [
        message.slice(0, HEADER_BYTES),
        message.slice(HEADER_BYTES, HEADER_BYTES + ENC_BYTES),
        message.slice(HEADER_BYTES + ENC_BYTES),
      ];
      try {
        const recipient = await suite.createRecipientContext({ recipientKey: { privateKey, publicKey }, enc, info });
        return new Uint8Array(await recipient.open(sealed, head));
      } catch {
        throw unreadable();
      }
    },
    close: () => {
      hedge.fill(0);
    },
  };
}
