/**
 * The part of `#crypto` that vendors other than Intel need, under Node.js: ECDSA on P-384 and RSA.
 * The same functions with the same meaning as `signatures-web.ts`.
 *
 * @module
 */
import { constants, createPublicKey, hash, type KeyObject, verify } from 'node:crypto';
import { concatBytes, toHex } from '@vitrine/documents/evidence';
import { derSignature } from './der-signature.ts';
import { isP384Point, isP384Signature, P384_SPKI_HEAD } from './p384.ts';
import { isRsaSignature, rsaModulus } from './rsa.ts';

/**
 * Keys by their DER. A platform's key comes back with each of its reports, a vendor's with each
 * platform, and importing one costs a third of a verification.
 */
const imported = new Map<string, KeyObject>();
const MAX_IMPORTED = 32;

/**
 * Whether `signatureRS` is an ECDSA signature with SHA-384 of `message`.
 *
 * @param publicKeyXY - 96 bytes x ‖ y. A point that is not on the curve verifies nothing.
 * @param signatureRS - 96 bytes r ‖ s, each in 1 … n - 1; anything else is not a signature.
 */
export async function verifyEcdsaP384(
  publicKeyXY: Uint8Array<ArrayBuffer>,
  message: Uint8Array<ArrayBuffer>,
  signatureRS: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  if (!isP384Signature(signatureRS) || !isP384Point(publicKeyXY)) return false;
  const key = importKey(concatBytes(P384_SPKI_HEAD, publicKeyXY));
  return verify('sha384', message, key, derSignature(signatureRS));
}

/**
 * Whether `signature` is an RSASSA-PSS signature of `message` with SHA-384, MGF1 with SHA-384 and a
 * salt of 48 bytes.
 *
 * @param spki - DER of a key of 4096 bits with exponent 65537. Any other key verifies nothing.
 */
export async function verifyRsaPss384(
  spki: Uint8Array<ArrayBuffer>,
  message: Uint8Array<ArrayBuffer>,
  signature: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const modulus = rsaModulus(spki);
  if (modulus?.length !== 512 || !isRsaSignature(signature, modulus)) return false;
  const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 };
  return verify('sha384', message, { key: importKey(spki), ...padding }, signature);
}

/**
 * Whether `signature` is an RSASSA-PKCS1-v1_5 signature of `message` with SHA-256.
 *
 * @param spki - DER of a key of 2048 to 4096 bits with exponent 65537. Any other key verifies nothing.
 */
export async function verifyRsaPkcs1Sha256(
  spki: Uint8Array<ArrayBuffer>,
  message: Uint8Array<ArrayBuffer>,
  signature: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const modulus = rsaModulus(spki);
  if (modulus === undefined || !isRsaSignature(signature, modulus)) return false;
  const padding = { padding: constants.RSA_PKCS1_PADDING };
  return verify('sha256', message, { key: importKey(spki), ...padding }, signature);
}

/** SHA-512, 64 bytes. */
export async function sha512(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(hash('sha512', bytes, 'buffer'));
}

/** The caller has checked that the DER is of an acceptable key. */
function importKey(spki: Uint8Array<ArrayBuffer>): KeyObject {
  const name = toHex(spki);
  const known = imported.get(name);
  if (known !== undefined) return known;
  const der = Buffer.from(spki.buffer, spki.byteOffset, spki.length);
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
  // Maps keep the order of insertion, so the first is the oldest.
  if (imported.size >= MAX_IMPORTED) imported.delete(imported.keys().next().value ?? name);
  imported.set(name, key);
  return key;
}
