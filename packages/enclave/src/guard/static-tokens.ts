/**
 * Static bearer tokens. The manifest, which is public, has their SHA-256 only: tokens must therefore be
 * random and long, since a guess can be tried offline.
 *
 * @module
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Authenticated } from './principal.ts';

/**
 * @param digests - SHA-256 of each token in hexadecimal, by the name of who has it.
 */
export function checkStaticToken(digests: Readonly<Record<string, string>>, token: string): Authenticated {
  const found = createHash('sha256').update(token).digest();
  let owner: string | undefined;
  // All are compared, so that time says nothing about which.
  for (const [name, digest] of Object.entries(digests)) {
    if (timingSafeEqual(found, Buffer.from(digest, 'hex'))) owner = name;
  }
  return owner === undefined
    ? { refusal: { error: 'invalid_token', message: 'this token is not known here' } }
    : { principal: { id: `token:${owner}`, scopes: new Set() } };
}
