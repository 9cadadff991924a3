/**
 * Key pairs of the software TEE and its false PKI, and the two forms in which ECDSA signatures
 * appear: DER inside certificates and lists, 64 raw bytes r ‖ s inside quotes and collateral.
 *
 * @module
 */
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export interface KeyPair {
  readonly privateKey: KeyObject;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array<ArrayBuffer>;
}

/** A fresh key pair on `curve`. Everything that Intel signs for DCAP is on P-256. */
export function generateKeyPair(curve: 'P-256' | 'P-384' | 'secp256k1' = 'P-256'): KeyPair {
  return keyPairOf(generateKeyPairSync('ec', { namedCurve: curve }).privateKey);
}

/** A fresh RSA key pair, which no part of DCAP accepts. */
export function generateRsaKeyPair(): KeyPair {
  return keyPairOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);
}

export function keyPairOf(privateKey: KeyObject): KeyPair {
  return {
    privateKey,
    spki: Uint8Array.from(createPublicKey(privateKey).export({ type: 'spki', format: 'der' })),
  };
}

/** The uncompressed point x ‖ y, 64 bytes for P-256, as quotes carry it. */
export function pointOf(pair: KeyPair): Uint8Array<ArrayBuffer> {
  const { x, y } = createPublicKey(pair.privateKey).export({ format: 'jwk' });
  if (x === undefined || y === undefined) throw new TypeError('only keys on an elliptic curve have a point');
  return Uint8Array.from(Buffer.concat([Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]));
}

/** SHA-256 signature in DER. */
export function signDer(pair: KeyPair, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(sign('sha256', bytes, pair.privateKey));
}

/** ECDSA with SHA-256 as r ‖ s (IEEE P1363). */
export function signRaw(pair: KeyPair, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(sign('sha256', bytes, { key: pair.privateKey, dsaEncoding: 'ieee-p1363' }));
}
