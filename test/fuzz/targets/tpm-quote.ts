/**
 * TPM quotes in each form that tools write.
 *
 * @module
 */
import { generateKeyPairSync } from 'node:crypto';
import { parseTpmQuote } from '../../../packages/verifier/src/tpm/parse.ts';
import { type Target, textSeeds } from '../target.ts';

const PCRS = Array.from({ length: 24 }, (_, index) => index.toString(16).padStart(64, '0'));
/** TPMS_ATTEST with an empty signer, a nonce of four bytes, and registers 0 to 2 of the SHA-256 bank. */
const ATTEST = `ff5443478018${'0000'}${'0004aabbccdd'}${'00'.repeat(16)}01${'00'.repeat(8)}00000001000b03070000${`0020${'11'.repeat(32)}`}`;
/** TPMT_SIGNATURE: RSASSA and ECDSA, each with SHA-256. */
const RSASSA = `0014000b0100${'22'.repeat(256)}`;
const ECDSA = `0018000b0020${'33'.repeat(32)}0020${'44'.repeat(32)}`;
/** TPMT_PUBLIC of a restricted P-256 signing key. */
const PUBLIC = `0023000b00050072000000100018000b00030010${`0020${'55'.repeat(32)}`.repeat(2)}`;

export const target: Target = {
  run: (bytes) => parseTpmQuote(bytes),
  seeds: async () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const base64 = (digits: string): string => Buffer.from(digits, 'hex').toString('base64');
    return {
      binary: Buffer.from(ATTEST + ECDSA, 'hex'),
      binaryRsa: Buffer.from(ATTEST + RSASSA, 'hex'),
      ...textSeeds({
        hexadecimal: JSON.stringify({ message: ATTEST, signature: '22'.repeat(256), pcrs: PCRS }),
        keyed: JSON.stringify({
          ak_public: publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
          tpm_quote: { message: base64(ATTEST), signature: base64(ECDSA), pcrs: PCRS },
        }),
        ecdsa: JSON.stringify({ pub: PUBLIC, quoted: ATTEST, r: '33'.repeat(32), s: '44'.repeat(32) }),
      }),
    };
  },
  maxLength: 8192,
};
