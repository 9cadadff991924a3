/**
 * `#crypto` under Node.js: node:crypto, which verifies several times faster than its WebCrypto.
 * The same functions with the same meaning as `crypto-web.ts`.
 *
 * @module
 */
import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto';
import { concatBytes, toHex } from '@vitrine/documents';
import { isP256Point, isP256Signature } from './p256.ts';

/** SubjectPublicKeyInfo of an uncompressed P-256 point, up to the coordinates (RFC 5480). */
const SPKI_HEAD = Uint8Array.from([
  0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
  0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
]);

/**
 * Keys by their coordinates. One chain of evidence uses few keys several times, and vendors' keys
 * come back with every quote; importing one costs a third of a verification.
 */
const imported = new Map<string, KeyObject>();
const MAX_IMPORTED = 32;

/**
 * Whether `signatureRS` is an ECDSA signature with SHA-256 of `message`.
 *
 * @param publicKeyXY - 64 bytes x ‖ y. A point that is not on the curve verifies nothing.
 * @param signatureRS - 64 bytes r ‖ s, each in 1 … n - 1; anything else is not a signature.
 */
export async function verifyEcdsaP256(
  publicKeyXY: Uint8Array<ArrayBuffer>,
  message: Uint8Array<ArrayBuffer>,
  signatureRS: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  if (!isP256Signature(signatureRS)) return false;
  const key = importKey(publicKeyXY);
  return key !== undefined && verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signatureRS);
}

/** SHA-256, 32 bytes. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(hash('sha256', bytes, 'buffer'));
}

/** SHA-384, 48 bytes. */
export async function sha384(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(hash('sha384', bytes, 'buffer'));
}

function importKey(publicKeyXY: Uint8Array<ArrayBuffer>): KeyObject | undefined {
  const name = toHex(publicKeyXY);
  const known = imported.get(name);
  if (known !== undefined) return known;
  if (!isP256Point(publicKeyXY)) return undefined;
  const spki = concatBytes(SPKI_HEAD, publicKeyXY);
  const key = createPublicKey({ key: Buffer.from(spki.buffer), format: 'der', type: 'spki' });
  // Maps keep the order of insertion, so the first is the oldest.
  if (imported.size >= MAX_IMPORTED) imported.delete(imported.keys().next().value ?? name);
  imported.set(name, key);
  return key;
}
