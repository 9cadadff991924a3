/**
 * Keys of this boot: where secrets are sealed to, and what receipts are signed with. Never stored, and bound
 * by evidence.
 *
 * A receipt is a JWS with a type of its own, and this key signs nothing else; keys of the manifest never
 * sign that type.
 *
 * Specification: RFC 7515 (compact serialisation), RFC 8032, RFC 8410 (the key's DER).
 *
 * @module
 */
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { x25519 } from '@noble/curves/ed25519.js';
import { canonicalBytes, concatBytes, fromHex, toBase64Url } from '@vitrine/documents';

export interface InstanceKeys {
  /** X25519, 32 bytes. */
  readonly hpkePublicKey: Uint8Array;
  readonly hpkePrivateKey: Uint8Array;
  /** Ed25519, 32 bytes. */
  readonly receiptKey: Uint8Array;
  /** Compact JWS. */
  signReceipt(payload: Readonly<Record<string, unknown>>): string;
  /** Overwrites what can be overwritten. */
  close(): void;
}

const RECEIPT_HEADER = toBase64Url(canonicalBytes({ alg: 'EdDSA', typ: 'vitrine-receipt+jwt' }));
/** PKCS #8 around a seed. */
const ED25519_PREFIX = '302e020100300506032b657004220420';
const SPKI_PREFIX_BYTES = 12;

export function createInstanceKeys(randomBytes: (length: number) => Uint8Array): InstanceKeys {
  const hpkePrivateKey = randomBytes(32);
  const seed = randomBytes(32);
  const der = Buffer.from(concatBytes(fromHex(ED25519_PREFIX) ?? new Uint8Array(0), seed));
  const receipt = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  der.fill(0);
  seed.fill(0);
  const spki = createPublicKey(receipt).export({ format: 'der', type: 'spki' });
  return {
    hpkePrivateKey,
    hpkePublicKey: x25519.getPublicKey(hpkePrivateKey),
    receiptKey: Uint8Array.from(spki.subarray(SPKI_PREFIX_BYTES)),
    signReceipt: (payload) => {
      const input = `${RECEIPT_HEADER}.${toBase64Url(canonicalBytes(payload))}`;
      return `${input}.${toBase64Url(Uint8Array.from(sign(null, Buffer.from(input), receipt)))}`;
    },
    close: () => hpkePrivateKey.fill(0),
  };
}
