/**
 * Canonical bytes of a document (RFC 8785, JCS) and their digests. Whatever is signed, hashed or
 * compared between the two sides goes through here, so that equal documents have equal bytes.
 *
 * @module
 */
import canonicalize from 'canonicalize';
import { digest } from '#digest';
import { toHex } from './encoding.ts';
import type { JsonValue } from './strict-json.ts';

export type DigestAlgorithm = 'SHA-256' | 'SHA-384' | 'SHA-512';

/** The RFC 8785 form of `document`, as UTF-8. */
export function canonicalBytes(document: object | JsonValue): Uint8Array<ArrayBuffer> {
  const text = canonicalize(document);
  if (text === undefined) throw new TypeError('only JSON values have a canonical form');
  return new TextEncoder().encode(text);
}

/** SHA-384 of the canonical bytes, as lower-case hexadecimal: the digest by which documents name each other. */
export async function documentDigest(document: object | JsonValue): Promise<string> {
  return toHex(await digest('SHA-384', canonicalBytes(document)));
}
