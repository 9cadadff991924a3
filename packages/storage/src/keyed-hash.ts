/**
 * HMAC-SHA-256 (RFC 2104, FIPS 198-1) over the one-shot hash of `node:crypto`.
 *
 * `createHmac` makes an object per call, which costs several times as much as hashing these short inputs.
 *
 * @module
 */
import { hash } from 'node:crypto';
import { concatBytes } from '@vitrine/documents';

const BLOCK_BYTES = 64;

export interface KeyedHash {
  /** 32 bytes. The parts are hashed as they are, one after the other: the caller keeps them apart. */
  readonly digest: (...parts: readonly Uint8Array[]) => Uint8Array;
  /** Overwrites the key. */
  readonly wipe: () => void;
}

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return hash('sha256', concatBytes(...parts), 'buffer');
}

/** Takes a key of at most 64 bytes, and keeps a copy of it. */
export function keyedHash(key: Uint8Array): KeyedHash {
  if (key.length > BLOCK_BYTES) throw new RangeError('the key is longer than a block');
  const inner = new Uint8Array(BLOCK_BYTES).fill(0x36);
  const outer = new Uint8Array(BLOCK_BYTES).fill(0x5c);
  for (const [place, byte] of key.entries()) {
    inner[place] = (inner[place] ?? 0) ^ byte;
    outer[place] = (outer[place] ?? 0) ^ byte;
  }
  return {
    digest: (...parts) => sha256(outer, sha256(inner, ...parts)),
    wipe: () => {
      inner.fill(0);
      outer.fill(0);
    },
  };
}
