/**
 * TPM attestation keys as the user gives them: PEM or TPM2B_PUBLIC.
 *
 * @module
 */
import { generateKeyPairSync } from 'node:crypto';
import { parseTpmAttestationKey } from '../../../packages/verifier/src/tpm/attestation-key.ts';
import { type Target, textSeeds } from '../target.ts';

/** TPM2B_PUBLIC of a restricted P-256 signing key, and of an RSA one. */
const ECC = `0056${'0023000b00050072000000100018000b00030010'}${`0020${'55'.repeat(32)}`.repeat(2)}`;
const RSA = `0118${'0001000b00050072000000100014000b080000000000'}${`0100${'d5'.repeat(256)}`}`;

export const target: Target = {
  run: (bytes) => parseTpmAttestationKey(bytes),
  seeds: async () => {
    const pem = (key: { export(options: { format: 'pem'; type: 'spki' }): string | Buffer }): string =>
      key.export({ format: 'pem', type: 'spki' }).toString();
    return {
      ecc: Buffer.from(ECC, 'hex'),
      rsa: Buffer.from(RSA, 'hex'),
      ...textSeeds({
        eccPem: pem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey),
        rsaPem: pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey),
      }),
    };
  },
  maxLength: 2048,
};
