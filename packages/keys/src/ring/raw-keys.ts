/**
 * Ed25519 and X25519 keys between their 32 raw bytes and the runtime's key objects.
 *
 * Specification: RFC 8410 (the fixed beginnings of their DER forms).
 *
 * @module
 */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { concatBytes } from '@vitrine/documents';

/** PrivateKeyInfo up to the 32 bytes, by the last byte of the object identifier 1.3.101.x. */
const pkcs8 = (arc: number): Uint8Array =>
  Uint8Array.of(0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, arc, 0x04, 0x22, 0x04, 0x20);
const ARCS = { x25519: 0x6e, ed25519: 0x70 } as const;

/** PKCS #8 in DER. The caller overwrites it. */
export function privateKeyInfo(algorithm: keyof typeof ARCS, secret: Uint8Array): Uint8Array<ArrayBuffer> {
  if (secret.length !== 32) throw new TypeError(`a private ${algorithm} key has 32 bytes, not ${secret.length}`);
  return concatBytes(pkcs8(ARCS[algorithm]), secret);
}

export function privateKeyObject(algorithm: keyof typeof ARCS, secret: Uint8Array): KeyObject {
  const der = privateKeyInfo(algorithm, secret);
  try {
    return createPrivateKey({ key: Buffer.from(der.buffer), format: 'der', type: 'pkcs8' });
  } finally {
    der.fill(0);
  }
}

/** The 32 bytes of the public half. */
export function rawPublicKey(privateKey: KeyObject): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).subarray(-32));
}
