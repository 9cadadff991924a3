/**
 * The keys that sign: secp256k1 and P-256 with nonces by RFC 6979 and fresh entropy in them, so that neither
 * a bad random source nor a copied machine repeats one, and always with low S; and Ed25519.
 *
 * What may be signed is not decided here.
 *
 * Specifications: FIPS 186-5 (scalars from 384 bits, appendix A.2.1), RFC 6979 section 3.6, RFC 8032.
 *
 * @module
 */
import { sign } from 'node:crypto';
import { mapHashToField } from '@noble/curves/abstract/modular.js';
import { p256 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { privateKeyObject, rawPublicKey } from './raw-keys.ts';

export interface Secp256k1Signature {
  /** r ‖ s, 64 bytes, low s. */
  readonly signature: Uint8Array;
  /** Parity of the nonce point's y, and in the second bit whether its x exceeded the order. */
  readonly recovery: number;
}

export interface Secp256k1Key {
  readonly algorithm: 'secp256k1';
  /** x ‖ y. */
  readonly publicKey: Uint8Array;
  signHash(hash: Uint8Array): Secp256k1Signature;
  close(): void;
}

export interface P256Key {
  readonly algorithm: 'p256';
  /** x ‖ y. */
  readonly publicKey: Uint8Array;
  /** r ‖ s over SHA-256 of the message, low s. */
  sign(message: Uint8Array): Uint8Array;
  close(): void;
}

export interface Ed25519Key {
  readonly algorithm: 'ed25519';
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
  close(): void;
}

type RandomBytes = (length: number) => Uint8Array;
type EcdsaCurve = 'secp256k1' | 'p256';

/** Bytes that {@link ecdsaScalar} needs: the order's length and half as much again. */
export const SCALAR_SEED_BYTES = 48;
const ENTROPY_BYTES = 32;

/** A private scalar in 1 … n-1 from 48 uniform bytes. */
export function ecdsaScalar(curve: EcdsaCurve, seed: Uint8Array): Uint8Array<ArrayBuffer> {
  if (seed.length !== SCALAR_SEED_BYTES) {
    throw new TypeError(`a scalar is made of ${SCALAR_SEED_BYTES} bytes, not ${seed.length}`);
  }
  const { Point, utils } = curve === 'secp256k1' ? secp256k1 : p256;
  const scalar = Uint8Array.from(mapHashToField(seed, Point.Fn.ORDER));
  if (!utils.isValidSecretKey(scalar)) throw new TypeError('a scalar of zero');
  return scalar;
}

/** Whether the bytes are a private key of that curve: in 1 … n-1. */
export function isEcdsaScalar(curve: EcdsaCurve, scalar: Uint8Array): boolean {
  return (curve === 'secp256k1' ? secp256k1 : p256).utils.isValidSecretKey(scalar);
}

/** @param scalar - 32 bytes, copied. */
export function secp256k1Key(scalar: Uint8Array, randomBytes: RandomBytes): Secp256k1Key {
  const secret = Uint8Array.from(scalar);
  return {
    algorithm: 'secp256k1',
    publicKey: secp256k1.getPublicKey(secret, false).slice(1),
    signHash: (hash) => {
      if (hash.length !== 32) throw new TypeError(`expected a hash of 32 bytes, found ${hash.length}`);
      const extraEntropy = entropy(randomBytes);
      const recovered = secp256k1.sign(hash, secret, { prehash: false, lowS: true, extraEntropy, format: 'recovered' });
      return { signature: recovered.slice(1), recovery: recovered[0] ?? 0 };
    },
    close: () => {
      secret.fill(0);
    },
  };
}

/** @param scalar - 32 bytes, copied. */
export function p256Key(scalar: Uint8Array, randomBytes: RandomBytes): P256Key {
  const secret = Uint8Array.from(scalar);
  return {
    algorithm: 'p256',
    publicKey: p256.getPublicKey(secret, false).slice(1),
    sign: (message) => p256.sign(message, secret, { lowS: true, extraEntropy: entropy(randomBytes) }),
    close: () => {
      secret.fill(0);
    },
  };
}

/** @param seed - 32 bytes; the caller may overwrite them afterwards. */
export function ed25519Key(seed: Uint8Array): Ed25519Key {
  const privateKey = privateKeyObject('ed25519', seed);
  const publicKey = rawPublicKey(privateKey);
  let closed = false;
  return {
    algorithm: 'ed25519',
    publicKey,
    sign: (message) => {
      if (closed) throw new TypeError('the key is closed');
      return new Uint8Array(sign(null, message, privateKey));
    },
    // The runtime frees the key with its object; there is nothing here to overwrite.
    close: () => {
      closed = true;
    },
  };
}

function entropy(randomBytes: RandomBytes): Uint8Array {
  const bytes = randomBytes(ENTROPY_BYTES);
  if (bytes.length !== ENTROPY_BYTES)
    throw new TypeError(`asked for ${ENTROPY_BYTES} random bytes, got ${bytes.length}`);
  return bytes;
}
