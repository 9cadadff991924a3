/**
 * What the boot binding of a receiver of a hand-over has in place of a TLS key.
 *
 * Specification: RFC 8410, section 4 (SubjectPublicKeyInfo of X25519).
 *
 * @module
 */
import { digest } from '#digest';
import { concatBytes, toHex } from './encoding.ts';

/** SEQUENCE { SEQUENCE { id-X25519 }, BIT STRING of 32 bytes }, up to the bytes. */
const X25519_SPKI: Uint8Array<ArrayBuffer> = Uint8Array.of(
  ...[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00],
);

/**
 * SHA-256 of the SubjectPublicKeyInfo of the X25519 key that the root is encrypted to, lower-case hexadecimal. No
 * TLS connection can be under such a key, so the binding is good for the hand-over alone.
 *
 * @param key - 32 bytes.
 */
export async function handoverSpki(key: Uint8Array): Promise<string> {
  if (key.length !== 32) throw new TypeError(`an X25519 key has 32 bytes, not ${key.length}`);
  return toHex(await digest('SHA-256', concatBytes(X25519_SPKI, key)));
}
