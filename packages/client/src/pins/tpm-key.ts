/**
 * The attestation key of a TPM as a pin keeps it: SubjectPublicKeyInfo in PEM.
 *
 * @module
 */
import { createPublicKey } from 'node:crypto';
import { UsageError } from '@vitrine/documents';
import { parseTpmAttestationKey, type TpmAttestationKey } from '@vitrine/verifier';

/** As PEM, whatever form its file had. */
export function tpmKeyPem({ keyAlgorithm, publicKey }: TpmAttestationKey): string {
  const coordinate = (from: number): string => Buffer.from(publicKey.subarray(from, from + 32)).toString('base64url');
  const key =
    keyAlgorithm === 'rsa'
      ? createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' })
      : createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: coordinate(0), y: coordinate(32) }, format: 'jwk' });
  return String(key.export({ format: 'pem', type: 'spki' }));
}

/** @throws UsageError (`tpm.ak`). */
export function tpmKeyOf(pem: string): TpmAttestationKey {
  return parseTpmAttestationKey(new TextEncoder().encode(pem), 'the pinned attestation key');
}

/** Whether a pin's text is such a key. */
export function isTpmKey(pem: string): boolean {
  try {
    tpmKeyOf(pem);
    return true;
  } catch (error) {
    if (error instanceof UsageError) return false;
    throw error;
  }
}
