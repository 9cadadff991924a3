/**
 * `#digest` in browsers and elsewhere: WebCrypto.
 *
 * @module
 */
import type { DigestAlgorithm } from '../canonical.ts';

/** Digest of `bytes`. */
export async function digest(
  algorithm: DigestAlgorithm,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await globalThis.crypto.subtle.digest(algorithm, bytes));
}
