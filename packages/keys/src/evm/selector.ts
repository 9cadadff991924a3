/**
 * The four bytes that name a function in calldata.
 *
 * Specification: Solidity ABI, "Function selector".
 *
 * @module
 */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { hexText } from './hex.ts';

/** `0x` and 8 digits, of a signature in canonical form. */
export function functionSelector(signature: string): string {
  return hexText(keccak_256(new TextEncoder().encode(signature)).subarray(0, 4));
}
