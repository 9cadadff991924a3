/**
 * The attestation key with which a TPM signs quotes, in the forms in which it is written down.
 *
 * A key that a caller brings proves that one TPM, or whoever holds the key, signed; not that it is
 * a TPM. From a TPM's own description of the key (TPMT_PUBLIC) it is checked that the key is a
 * restricted signing key of the TPM; SubjectPublicKeyInfo cannot say so.
 *
 * Trusted Platform Module Library, part 2, "TPMT_PUBLIC", "TPMA_OBJECT"; RFC 5280, 4.1.2.7.
 *
 * @module
 */
import { concatBytes, sameBytes, UsageError } from '@vitrine/documents/evidence';
import { rsaSpki } from '../platform/rsa.ts';
import { RefusalError, refuse } from '../refusal.ts';
import { type PublicKey, readPublicKey } from '../x509/algorithms.ts';
import { decodeBase64 } from './base64.ts';
import {
  finishTpm,
  openTpm,
  TpmAlgorithm,
  type TpmReader,
  takeBytes,
  takeExactly,
  takeNumber,
  takeSized,
} from './reader.ts';

/** P-256: 64 bytes x ‖ y. RSA: DER SubjectPublicKeyInfo. */
export type TpmAttestationKey = PublicKey;

const WHAT = 'TPM attestation key';
const PEM = /^-----BEGIN PUBLIC KEY-----\r?\n([A-Za-z0-9+/=\r\n]{1,2000})\r?\n-----END PUBLIC KEY-----\r?\n?$/;

/** Bits of TPMA_OBJECT that must be set, and must not be set, for a key that signs only what the TPM made. */
const ATTRIBUTES = { fixedTpm: 1 << 1, sensitiveDataOrigin: 1 << 5, restricted: 1 << 16, sign: 1 << 18 } as const;
const DECRYPT = 1 << 17;

const CURVE_P256 = 0x0003;
const MAX_POLICY_BYTES = 64;
const MAX_MODULUS_BYTES = 512;
const COORDINATE_BYTES = 32;

/**
 * Reads the file that a caller names: PEM with a SubjectPublicKeyInfo, or TPM2B_PUBLIC as tpm2-tools
 * write it. RSA of 2048 to 4096 bits with exponent 65537, or P-256.
 *
 * @param name - How to call the file in errors.
 * @throws UsageError when it is neither.
 */
export function parseTpmAttestationKey(file: Uint8Array<ArrayBuffer>, name = 'the attestation key'): TpmAttestationKey {
  try {
    const pem = PEM.exec(new TextDecoder('latin1').decode(file));
    return pem === null ? readTpm2bPublic(file) : readSpki(decodePem(pem[1] ?? ''));
  } catch (cause) {
    if (!(cause instanceof RefusalError)) throw cause;
    throw new UsageError(
      'tpm.ak',
      `${name}: ${cause.message}. Expected one public key, RSA or P-256, in PEM form or as TPM2B_PUBLIC`,
      { cause },
    );
  }
}

/**
 * Reads a DER SubjectPublicKeyInfo.
 *
 * @throws RefusalError
 */
export function readSpki(der: Uint8Array<ArrayBuffer>): TpmAttestationKey {
  return readPublicKey(der, ['p256', 'rsa'], WHAT);
}

/**
 * Reads exactly one TPMT_PUBLIC of a restricted signing key.
 *
 * @throws RefusalError
 */
export function readTpmtPublic(bytes: Uint8Array<ArrayBuffer>): TpmAttestationKey {
  const reader = openTpm(bytes, WHAT);
  const type = takeNumber(reader, 2);
  if (type !== TpmAlgorithm.rsa && type !== TpmAlgorithm.ecc) refuse(`${WHAT}: neither RSA nor ECC`);
  takeExactly(reader, 2, TpmAlgorithm.sha256, 'digest of its name');
  checkAttributes(takeNumber(reader, 4));
  takeSized(reader, MAX_POLICY_BYTES, 'policy');
  takeExactly(reader, 2, TpmAlgorithm.null, 'symmetric algorithm of a signing key');
  const key = type === TpmAlgorithm.rsa ? takeRsa(reader) : takeEcc(reader);
  finishTpm(reader);
  return key;
}

/** Whether two keys are the same. */
export function sameKey(left: TpmAttestationKey, right: TpmAttestationKey): boolean {
  return left.keyAlgorithm === right.keyAlgorithm && sameBytes(left.publicKey, right.publicKey);
}

function readTpm2bPublic(bytes: Uint8Array<ArrayBuffer>): TpmAttestationKey {
  const reader = openTpm(bytes, WHAT);
  const inner = takeSized(reader, bytes.length, 'public area');
  finishTpm(reader);
  return readTpmtPublic(inner);
}

function checkAttributes(attributes: number): void {
  const missing = Object.entries(ATTRIBUTES).filter(([, bit]) => (attributes & bit) === 0);
  if (missing.length > 0 || (attributes & DECRYPT) !== 0) {
    refuse(`${WHAT}: not a restricted signing key of the TPM`, {
      expected: `${Object.keys(ATTRIBUTES).join(', ')} set, decrypt not set`,
      actual: `attributes 0x${attributes.toString(16).padStart(8, '0')}`,
    });
  }
}

function takeRsa(reader: TpmReader): TpmAttestationKey {
  takeExactly(reader, 2, TpmAlgorithm.rsassa, 'signature scheme');
  takeExactly(reader, 2, TpmAlgorithm.sha256, 'digest of the signature scheme');
  const bits = takeNumber(reader, 2);
  // Zero stands for the default, 65537.
  const exponent = takeNumber(reader, 4);
  const modulus = takeSized(reader, MAX_MODULUS_BYTES, 'modulus');
  const publicKey = rsaSpki(modulus);
  if (publicKey === undefined || bits !== modulus.length * 8 || (exponent !== 0 && exponent !== 65537)) {
    return refuse(`${WHAT}: not an RSA key of 2048 to 4096 bits with exponent 65537`);
  }
  return { keyAlgorithm: 'rsa', publicKey };
}

function takeEcc(reader: TpmReader): TpmAttestationKey {
  takeExactly(reader, 2, TpmAlgorithm.ecdsa, 'signature scheme');
  takeExactly(reader, 2, TpmAlgorithm.sha256, 'digest of the signature scheme');
  takeExactly(reader, 2, CURVE_P256, 'curve');
  takeExactly(reader, 2, TpmAlgorithm.null, 'key derivation');
  return { keyAlgorithm: 'p256', publicKey: concatBytes(takeCoordinate(reader), takeCoordinate(reader)) };
}

function takeCoordinate(reader: TpmReader): Uint8Array<ArrayBuffer> {
  takeExactly(reader, 2, COORDINATE_BYTES, 'length of a coordinate');
  return takeBytes(reader, COORDINATE_BYTES);
}

function decodePem(lines: string): Uint8Array<ArrayBuffer> {
  return decodeBase64(lines.replaceAll(/[\r\n]/g, '')) ?? refuse(`${WHAT}: malformed base64`);
}
