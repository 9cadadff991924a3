/**
 * RSA public keys as SubjectPublicKeyInfo, in the one form that vendors' certificates have:
 * rsaEncryption, a modulus of whole bytes with its top bit set, exponent 65537 (RFC 8017, A.1.1;
 * RFC 3279, 2.3.1). What is checked here must not depend on which crypto library runs below.
 *
 * @module
 */
import { concatBytes, sameBytes } from '@vitrine/documents/evidence';

/** AlgorithmIdentifier rsaEncryption with NULL parameters. */
const RSA_ENCRYPTION = [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
/** INTEGER 65537. */
const EXPONENT = [0x02, 0x03, 0x01, 0x00, 0x01];

const MIN_BYTES = 256;
const MAX_BYTES = 512;
/** Everything but the modulus. */
const FRAME_BYTES = 38;

/**
 * DER of the key with `modulus` (256 to 512 bytes, big-endian, top bit set) and exponent 65537;
 * `undefined` for any other modulus.
 */
export function rsaSpki(modulus: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  if (modulus.length < MIN_BYTES || modulus.length > MAX_BYTES) return undefined;
  const [first = 0, last = 0] = [modulus[0], modulus[modulus.length - 1]];
  if (first < 0x80 || (last & 1) === 0) return undefined;
  return concatBytes(frameOf(modulus.length), modulus, Uint8Array.from(EXPONENT));
}

/** The modulus of a key in exactly the form of {@link rsaSpki}, else `undefined`. */
export function rsaModulus(spki: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | undefined {
  const length = spki.length - FRAME_BYTES;
  if (length < MIN_BYTES || length > MAX_BYTES) return undefined;
  const modulus = spki.subarray(FRAME_BYTES - EXPONENT.length, spki.length - EXPONENT.length);
  const same = rsaSpki(modulus);
  return same !== undefined && sameBytes(same, spki) ? modulus : undefined;
}

/** Whether `signature` has the length of the modulus and is below it (RFC 8017, 8.1.2 and 5.2.2). */
export function isRsaSignature(signature: Uint8Array, modulus: Uint8Array): boolean {
  if (signature.length !== modulus.length) return false;
  const index = modulus.findIndex((byte, at) => byte !== signature[at]);
  return index >= 0 && (signature[index] ?? 0) < (modulus[index] ?? 0);
}

/** All lengths here need two length bytes. */
function frameOf(length: number): Uint8Array<ArrayBuffer> {
  const two = (value: number): readonly number[] => [value >> 8, value & 0xff];
  const integer = length + 1;
  const key = integer + 4 + EXPONENT.length;
  return Uint8Array.from([
    ...[0x30, 0x82, ...two(key + 4 + 1 + 4 + RSA_ENCRYPTION.length)],
    ...RSA_ENCRYPTION,
    ...[0x03, 0x82, ...two(key + 4 + 1), 0x00],
    ...[0x30, 0x82, ...two(key)],
    ...[0x02, 0x82, ...two(integer), 0x00],
  ]);
}
