/**
 * Derivation of everything that comes from the AppRoot.
 *
 * `HKDF-SHA-256(root, no salt, info, length)` with `info = "vitrine/derive/v1" ‖ 0x00 ‖ LP(usage) ‖
 * LP(algorithm) ‖ LP(name) ‖ LP(u32 version) ‖ LP(scope) ‖ LP(u32 length) [‖ LP(purpose)]`. Every field has
 * its length before it, so no two paths meet; the algorithm is one of them, so no two algorithms share a
 * secret; the length is one of them, so a short output is not the beginning of a longer one.
 *
 * Specification: RFC 5869. Test vectors: `vectors/derivation.json`.
 *
 * @module
 */
import { hkdfSync } from 'node:crypto';
import { UsageError } from '@vitrine/documents';
import { lengthPrefixed, uint32, utf8 } from './length-prefixed.ts';

/** What a derived secret is for. All of it decides the secret. */
export interface DerivationPath {
  /** The family of secrets, such as `key`, `store` or `volume`. */
  readonly usage: string;
  /** What consumes the secret, such as `ed25519` or `aes256`. */
  readonly algorithm: string;
  /** Which one of the family. */
  readonly name: string;
  /** At least 1. */
  readonly version: number;
  /** How long the secret lives. `instance`: the path names something of this boot; `service`: it does not. */
  readonly scope: 'service' | 'instance';
  /** Keeps several secrets of one key apart, such as the seed of a wallet. Absent is a purpose of its own. */
  readonly purpose?: string;
}

const TAG = 'vitrine/derive/v1';
/** What the runtime's HKDF takes; names of keys and volumes are far shorter. */
const MAX_INFO_BYTES = 1024;
const MIN_LENGTH = 16;
const MAX_LENGTH = 1024;

/**
 * Derives `length` bytes from the 32 bytes of `root`. The caller overwrites the result after use.
 *
 * @throws UsageError for a path that is empty somewhere, too long, or not well-formed text.
 */
export function derive(root: Uint8Array, path: DerivationPath, length: number): Uint8Array<ArrayBuffer> {
  if (root.length !== 32) throw new TypeError(`a root has 32 bytes, not ${root.length}`);
  if (!Number.isInteger(length) || length < MIN_LENGTH || length > MAX_LENGTH) {
    throw new UsageError('keys.derivation', `expected ${MIN_LENGTH} to ${MAX_LENGTH} bytes, asked for ${length}`);
  }
  return new Uint8Array(hkdfSync('sha256', root, new Uint8Array(0), derivationInfo(path, length), length));
}

/** The HKDF info of a path, which is public. */
export function derivationInfo(path: DerivationPath, length: number): Uint8Array<ArrayBuffer> {
  const field = (what: keyof DerivationPath, text: string): Uint8Array => {
    if (text === '') throw new UsageError('keys.derivation', `the ${what} of a derivation must not be empty`);
    return utf8(text, `${what} of a derivation`);
  };
  if (path.version < 1) throw new UsageError('keys.derivation', `versions begin at 1, found ${path.version}`);
  const fields = [
    field('usage', path.usage),
    field('algorithm', path.algorithm),
    field('name', path.name),
    uint32(path.version),
    field('scope', path.scope),
    uint32(length),
    ...(path.purpose === undefined ? [] : [field('purpose', path.purpose)]),
  ];
  const info = lengthPrefixed(TAG, fields);
  if (info.length > MAX_INFO_BYTES) {
    throw new UsageError('keys.derivation', `a derivation of ${info.length} bytes is longer than ${MAX_INFO_BYTES}`);
  }
  return info;
}
