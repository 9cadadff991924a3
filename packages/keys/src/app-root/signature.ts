/**
 * Ed25519 signatures of people, judged strictly (RFC 8032 without the tolerance of ZIP 215), so that nobody can
 * count one of them under two keys.
 *
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { fromBase64Url, fromHex } from '@vitrine/documents';

/** @param signature - Unpadded base64url. @param key - Hexadecimal. */
export function verifies(signature: string, signed: Uint8Array, key: string): boolean {
  const [bytes, publicKey] = [fromBase64Url(signature), fromHex(key)];
  if (bytes === undefined || publicKey === undefined) return false;
  try {
    return ed25519.verify(bytes, signed, publicKey, { zip215: false });
  } catch {
    // Bytes that are no point of the curve.
    return false;
  }
}
