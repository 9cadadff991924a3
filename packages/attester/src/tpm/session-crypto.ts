/**
 * Key derivations and HMACs of sessions (Trusted Platform Module Library, part 1, "Key Derivation Functions",
 * "Session-Based Authorizations", "Session-based encryption"), all with SHA-256 and AES-128 in CFB mode.
 *
 * @module
 */
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { concatBytes } from '@vitrine/documents';
import { sha256 } from './structures.ts';
import { type Bytes, u32 } from './wire.ts';

const BLOCK_BITS = 256;
const AES_BYTES = 16;

/** KDFa for up to 256 bits: HMAC in counter mode (SP 800-108). */
export function kdfa(key: Uint8Array, label: string, contextU: Uint8Array, contextV: Uint8Array): Bytes {
  const input = concatBytes(u32(1), labelled(label), contextU, contextV, u32(BLOCK_BITS));
  return hmacSha256(key, input);
}

/** KDFe for 256 bits: concatenation KDF (SP 800-56A). */
export function kdfe(z: Uint8Array, label: string, partyU: Uint8Array, partyV: Uint8Array): Bytes {
  return sha256(u32(1), z, labelled(label), partyU, partyV);
}

export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Bytes {
  return Uint8Array.from(
    createHmac('sha256', key)
      .update(concatBytes(...parts))
      .digest(),
  );
}

/** Encrypts the first parameter of a command: `newer` is the caller's nonce. */
export function encryptParameter(key: Uint8Array, newer: Uint8Array, older: Uint8Array, data: Uint8Array): Bytes {
  const derived = kdfa(key, 'CFB', newer, older);
  const cipher = createCipheriv('aes-128-cfb', derived.subarray(0, AES_BYTES), derived.subarray(AES_BYTES));
  return concatBytes(cipher.update(data), cipher.final());
}

/** Decrypts the first parameter of an answer: `newer` is the TPM's nonce. */
export function decryptParameter(key: Uint8Array, newer: Uint8Array, older: Uint8Array, data: Uint8Array): Bytes {
  const derived = kdfa(key, 'CFB', newer, older);
  const cipher = createDecipheriv('aes-128-cfb', derived.subarray(0, AES_BYTES), derived.subarray(AES_BYTES));
  return concatBytes(cipher.update(data), cipher.final());
}

/** The label ends in a zero byte. */
function labelled(label: string): Bytes {
  return new TextEncoder().encode(`${label}\0`);
}
