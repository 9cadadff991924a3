/**
 * Signatures of quotes: TPMT_SIGNATURE (Trusted Platform Module Library, part 2), and the bare
 * values that some tools write instead. RSASSA PKCS #1 v1.5 and ECDSA on P-256, both with SHA-256;
 * any other scheme is refused by name.
 *
 * @module
 */
import { concatBytes } from '@vitrine/documents/evidence';
import { refuse } from '../refusal.ts';
import { finishTpm, openTpm, TpmAlgorithm, type TpmReader, takeExactly, takeNumber, takeSized } from './reader.ts';

export interface TpmSignature {
  readonly scheme: 'rsassa' | 'ecdsa';
  /** As many bytes as the RSA modulus, or 64 bytes r ‖ s. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const WHAT = 'TPM signature';
const SCALAR_BYTES = 32;
const MAX_RSA_BYTES = 512;

/**
 * Reads exactly one TPMT_SIGNATURE.
 *
 * @throws RefusalError
 */
export function readTpmSignature(bytes: Uint8Array<ArrayBuffer>): TpmSignature {
  const reader = openTpm(bytes, WHAT);
  const scheme = takeNumber(reader, 2);
  if (scheme !== TpmAlgorithm.rsassa && scheme !== TpmAlgorithm.ecdsa) {
    return refuse(`${WHAT}: scheme is not supported`, {
      expected: 'RSASSA (0x0014) or ECDSA (0x0018)',
      actual: `0x${scheme.toString(16).padStart(4, '0')}`,
    });
  }
  takeExactly(reader, 2, TpmAlgorithm.sha256, 'digest of the signature');
  const signature: TpmSignature =
    scheme === TpmAlgorithm.rsassa
      ? { scheme: 'rsassa', bytes: takeSized(reader, MAX_RSA_BYTES, 'signature') }
      : { scheme: 'ecdsa', bytes: concatBytes(takeScalar(reader), takeScalar(reader)) };
  finishTpm(reader);
  return signature;
}

/** A number of up to 32 bytes; some TPMs leave leading zeros out. */
function takeScalar(reader: TpmReader): Uint8Array<ArrayBuffer> {
  const digits = takeSized(reader, SCALAR_BYTES, 'r or s');
  const scalar = new Uint8Array(SCALAR_BYTES);
  scalar.set(digits, SCALAR_BYTES - digits.length);
  return scalar;
}
