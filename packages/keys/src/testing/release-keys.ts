/**
 * Release keys and signed releases for tests.
 *
 * @module
 */
import { hash } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import {
  type Release,
  releaseSigned,
  toBase64Url,
  toHex,
  type WitnessStatement,
  witnessStatementSigned,
} from '@vitrine/documents';

export interface ReleaseKey {
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

/** What a witness says of a release. */
export function statementBy(
  { publicKey, secret }: ReleaseKey,
  body: Pick<Release, 'name' | 'from' | 'to'>,
  firstSeen: string,
  stated: string,
): WitnessStatement {
  const release = toHex(hash('sha384', releaseSigned(body), 'buffer'));
  const said = { release, firstSeen, stated, key: publicKey };
  const signature = toBase64Url(Uint8Array.from(ed25519.sign(witnessStatementSigned(said), secret)));
  return { type: 'vitrine/witness-statement/v1', ...said, signature };
}
