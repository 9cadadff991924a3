/**
 * `#crypto` everywhere but Node.js: WebCrypto. The same functions with the same meaning as
 * `crypto-node.ts`.
 *
 * @module
 */
import { concatBytes, toHex } from '@vitrine/documents/evidence';
import { isP256Point, isP256Signature } from './p256.ts';

export { sha512, verifyEcdsaP384, verifyRsaPkcs1Sha256, verifyRsaPss384 } from './signatures-web.ts';
export { bytesOfBase64, bytesOfHex, hexOf } from './text-web.ts';

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
  if (!isP256Point(publicKeyXY) || !isP256Signature(signatureRS)) return false;
  const point = concatBytes(Uint8Array.of(4), publicKeyXY);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const key = await crypto.subtle.importKey('raw', point, algorithm, false, ['verify']);
  return crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, signatureRS, message);
}

/** SHA-256, 32 bytes. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}

/** SHA-384, 48 bytes. */
export async function sha384(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest('SHA-384', bytes));
}

/** SHA-384 of the text in UTF-8, lower-case hexadecimal. */
export async function sha384OfText(text: string): Promise<string> {
  return toHex(await sha384(new TextEncoder().encode(text)));
}
