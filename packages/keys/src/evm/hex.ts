/**
 * Hexadecimal as EVM programs write it, with `0x`, and big-endian integers.
 *
 * Either case of digits stands for the same bytes and is taken; what leaves this folder is lower case, so
 * that addresses compare equal as text. The one exception is an address of mixed case, whose case is a
 * checksum and must be right.
 *
 * Specification: EIP-55.
 *
 * @module
 */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { fromHex, toHex } from '@vitrine/documents';
import { refuse } from './refuse.ts';

const ADDRESS = /^0x[0-9a-fA-F]{40}$/;

/** Lower case, with `0x`. */
export function hexText(bytes: Uint8Array): string {
  return `0x${toHex(bytes)}`;
}

/** Bytes of `0x` and whole bytes of either case; `undefined` for anything else. */
export function hexBytes(text: string): Uint8Array<ArrayBuffer> | undefined {
  return text.startsWith('0x') ? fromHex(text.slice(2).toLowerCase()) : undefined;
}

/**
 * Bytes of a request's `0x` text.
 *
 * @throws RefusedRequestError `evm.hex` for other text, `evm.too-large` above `most` bytes.
 */
export function requestBytes(text: string, what: string, most: number): Uint8Array<ArrayBuffer> {
  if (text.length > 2 + 2 * most) refuse('evm.too-large', `${what}: more than ${most} bytes`);
  return hexBytes(text) ?? refuse('evm.hex', `${what}: expected 0x and hexadecimal digits of whole bytes`);
}

/** The unsigned number that big-endian bytes stand for; 0 for none. */
export function bytesToInteger(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${toHex(bytes)}`);
}

/** A non-negative number below 2^256 in 32 bytes, big-endian. */
export function integerToWord(value: bigint): Uint8Array<ArrayBuffer> {
  const word = fromHex(value.toString(16).padStart(64, '0'));
  if (word?.length !== 32) throw new RangeError('not a number of 256 bits');
  return word;
}

/** An address with its checksum in the case of its letters. `address` is lower case, with `0x`. */
function checksumAddress(address: string): string {
  const digits = address.slice(2);
  const digest = toHex(keccak_256(new TextEncoder().encode(digits)));
  let text = '0x';
  for (let index = 0; index < digits.length; index++) {
    const digit = digits.charAt(index);
    text += digest.charAt(index) >= '8' ? digit.toUpperCase() : digit;
  }
  return text;
}

/** The address in lower case; `undefined` for what is none, and for a wrong checksum. */
export function readAddress(text: string): string | undefined {
  if (!ADDRESS.test(text)) return undefined;
  const lower = text.toLowerCase();
  return text === lower || text === checksumAddress(lower) ? lower : undefined;
}
