/**
 * Release keys and signed releases for tests.
 *
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { type Release, releaseSigned, toBase64Url, toHex } from '@vitrine/documents';

interface ReleaseKey {
  /** 64 hexadecimal digits. */
  readonly publicKey: string;
  readonly secret: Uint8Array;
}

export function releaseKey(fill: number): ReleaseKey {
  const secret = new Uint8Array(32).fill(fill);
  return { publicKey: toHex(ed25519.getPublicKey(secret)), secret };
}

/** The release with a signature of each key. */
export function signedBy(body: Pick<Release, 'name' | 'from' | 'to'>, ...keys: readonly ReleaseKey[]): Release {
  const signatures = keys.map(({ publicKey, secret }) => ({
    key: publicKey,
    signature: toBase64Url(Uint8Array.from(ed25519.sign(releaseSigned(body), secret))),
  }));
  return { type: 'vitrine/release/v1', ...body, signatures };
}
