/**
 * The part of `#crypto` that vendors other than Intel need, by WebCrypto: ECDSA on P-384 and RSA.
 * The same functions with the same meaning as `signatures-node.ts`.
 *
 * @module
 */
import { concatBytes } from '@vitrine/documents/evidence';
import { isP384Point, isP384Signature } from './p384.ts';
import { isRsaSignature, rsaModulus } from './rsa.ts';

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
  const point = concatBytes(Uint8Array.of(4), publicKeyXY);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-384' };
  const key = await crypto.subtle.importKey('raw', point, algorithm, false, ['verify']);
  return crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-384' }, key, signatureRS, message);
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
  const algorithm = { name: 'RSA-PSS', hash: 'SHA-384' };
  const key = await crypto.subtle.importKey('spki', spki, algorithm, false, ['verify']);
  return crypto.subtle.verify({ name: 'RSA-PSS', saltLength: 48 }, key, signature, message);
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
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('spki', spki, algorithm, false, ['verify']);
  return crypto.subtle.verify({ name: 'RSASSA-PKCS1-v1_5' }, key, signature, message);
}

/** SHA-512, 64 bytes. */
export async function sha512(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest('SHA-512', bytes));
}
