/**
 * What chains call a public key.
 *
 * Specifications: EIP-55; base58 as Solana writes public keys.
 *
 * @module
 */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { base58 } from '@scure/base';
import { type KeySpec, toHex } from '@vitrine/documents';

/** EIP-55 address of an uncompressed secp256k1 key, x ‖ y. */
export function evmAddress(publicKey: Uint8Array): string {
  if (publicKey.length !== 64) throw new TypeError(`expected x and y of 64 bytes, found ${publicKey.length}`);
  const address = toHex(keccak_256(publicKey).subarray(-20));
  const checksum = toHex(keccak_256(new TextEncoder().encode(address)));
  const mixed = [...address].map((digit, index) => ((checksum[index] ?? '0') >= '8' ? digit.toUpperCase() : digit));
  return `0x${mixed.join('')}`;
}

/** Base58 of an Ed25519 key. */
export function solanaAddress(publicKey: Uint8Array): string {
  if (publicKey.length !== 32) throw new TypeError(`expected 32 bytes, found ${publicKey.length}`);
  return base58.encode(publicKey);
}

/** The address of a key on the chain that its policy is about; `undefined` where it is about none. */
export function keyAddress(spec: KeySpec, publicKey: Uint8Array): string | undefined {
  if (spec.algorithm === 'secp256k1') return evmAddress(publicKey);
  const onSolana = spec.algorithm === 'ed25519' && spec.policy.rules.some(({ action }) => action === 'solana.message');
  return onSolana ? solanaAddress(publicKey) : undefined;
}
