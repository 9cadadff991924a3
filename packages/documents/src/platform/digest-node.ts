/**
 * `#digest` under Node.js: node:crypto, which needs a twentieth of the time that its WebCrypto needs
 * for documents of this size.
 *
 * @module
 */
import { hash } from 'node:crypto';
import type { DigestAlgorithm } from '../canonical.ts';

const NAMES = { 'SHA-256': 'sha256', 'SHA-384': 'sha384', 'SHA-512': 'sha512' } as const;

/** Digest of `bytes`. */
export async function digest(
  algorithm: DigestAlgorithm,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(hash(NAMES[algorithm], bytes, 'buffer'));
}
