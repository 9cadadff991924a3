/**
 * The key that a key broker encrypts to: P-256, made for one session from the caller's randomness, and gone with it.
 *
 * @module
 */
import { createECDH } from 'node:crypto';
import { toBase64Url } from '@vitrine/documents';
import type { SessionKey } from './jwe.ts';

const TRIES = 8;

/** What the broker's protocol calls `tee-pubkey`. */
interface TeePublicKey {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly alg: 'ECDH-ES+A256KW';
  readonly x: string;
  readonly y: string;
}

export interface SessionKeyPair {
  readonly privateKey: SessionKey;
  readonly publicKey: TeePublicKey;
}

/** @param randomBytes - Cryptographically secure. */
export function createSessionKey(randomBytes: (length: number) => Uint8Array): SessionKeyPair {
  const ecdh = createECDH('prime256v1');
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const scalar = randomBytes(32);
    try {
      ecdh.setPrivateKey(scalar);
    } catch {
      // Zero or not below the order of the curve; of random bytes one in 2^32.
      continue;
    }
    const point = Uint8Array.from(ecdh.getPublicKey());
    const x = toBase64Url(point.subarray(1, 33));
    const y = toBase64Url(point.subarray(33));
    const key = { kty: 'EC', crv: 'P-256', x, y } as const;
    return {
      privateKey: { ...key, d: toBase64Url(scalar) },
      publicKey: { ...key, alg: 'ECDH-ES+A256KW' },
    };
  }
  throw new TypeError('the source of randomness gives no scalar of P-256');
}
