/**
 * `#crypto` under Node.js: node:crypto, which verifies several times faster than its WebCrypto.
 * The same functions with the same meaning as `crypto-web.ts`.
 *
 * @module
 */
import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto';
import { sameBytes } from '@vitrine/documents/evidence';
import { beginningOf } from './beginning.ts';
import { derSignature } from './der-signature.ts';
import { isP256Signature } from './p256.ts';

export { sha512, verifyEcdsaP384, verifyRsaPkcs1Sha256, verifyRsaPss384 } from './signatures-node.ts';
export { bytesOfBase64, bytesOfHex, hexOf } from './text-node.ts';

/**
 * SubjectPublicKeyInfo of an uncompressed P-256 point up to the coordinates (RFC 5480): 27 bytes, so
 * base64 of the coordinates can follow. As PEM, since node:crypto takes twice as long for a key in DER,
 * of which it first asks, by exceptions, whether it is a key object.
 */
const PEM_HEAD = '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE';
const PEM_END = '\n-----END PUBLIC KEY-----\n';

/**
 * Keys by the beginning of their coordinates. One chain of evidence uses few keys several times, and vendors' keys
 * come back with every quote; importing one costs a third of a verification.
 */
const imported = new Map<number, { readonly coordinates: Uint8Array; readonly key: KeyObject }>();
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
  return key !== undefined && verify('sha256', message, key, derSignature(signatureRS));
}

/** SHA-256, 32 bytes. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(hash('sha256', bytes, 'buffer'));
}

/** SHA-384, 48 bytes. */
export async function sha384(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(hash('sha384', bytes, 'buffer'));
}

/** SHA-384 of the text in UTF-8, lower-case hexadecimal. */
export async function sha384OfText(text: string): Promise<string> {
  return hash('sha384', text);
}

function importKey(publicKeyXY: Uint8Array<ArrayBuffer>): KeyObject | undefined {
  if (publicKeyXY.length !== 64) return undefined;
  const name = beginningOf(publicKeyXY);
  const known = imported.get(name);
  if (known !== undefined && sameBytes(known.coordinates, publicKeyXY)) return known.key;
  const { buffer, byteOffset, length } = publicKeyXY;
  const coordinates = Buffer.from(buffer, byteOffset, length).toString('base64');
  const key = pointOf(`${PEM_HEAD}${coordinates}${PEM_END}`);
  if (key === undefined) return undefined;
  // Maps keep the order of insertion, so the first is the oldest.
  if (imported.size >= MAX_IMPORTED) imported.delete(imported.keys().next().value ?? name);
  imported.set(name, { coordinates: publicKeyXY.slice(), key });
  return key;
}

/** The key in `pem`; OpenSSL itself refuses coordinates that are not reduced or not on the curve. */
function pointOf(pem: string): KeyObject | undefined {
  try {
    return createPublicKey(pem);
  } catch {
    return undefined;
  }
}
