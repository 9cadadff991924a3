/**
 * DCAP quotes, down to the certificate chain that they carry.
 *
 * @module
 */
import { forgePki, forgeQuote } from '@vitrine/simulator/faults';
import { parseTdxQuote } from '../../../packages/verifier/src/tdx/parse.ts';
import type { Target } from '../target.ts';

export const target: Target = {
  run: (bytes) => parseTdxQuote(bytes),
  seeds: async () => {
    const pki = forgePki({ now: new Date() });
    return {
      good: forgeQuote(pki),
      'short-chain': forgeQuote(pki, { certificationData: new Uint8Array(1) }),
      'no-authentication-data': forgeQuote(pki, { authData: new Uint8Array(), certificationData: new Uint8Array(1) }),
      padded: forgeQuote(pki, {
        certificationData: new Uint8Array(1),
        after: (good) => Buffer.concat([good, new Uint8Array(8)]) as Uint8Array<ArrayBuffer>,
      }),
    };
  },
  maxLength: 8192,
};
