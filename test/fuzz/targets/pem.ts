/**
 * Chains of three certificates in PEM, as quotes carry them.
 *
 * @module
 */
import { forgePki, pemChain } from '@vitrine/simulator/faults';
import { parsePemChain, QUOTE_ENDINGS } from '../../../packages/verifier/src/x509/pem.ts';
import { type Target, textSeeds } from '../target.ts';

export const target: Target = {
  run: (bytes) => parsePemChain(new TextDecoder('latin1').decode(bytes), 3, 'chain', QUOTE_ENDINGS),
  seeds: async () => {
    const { pck, intermediate, root } = forgePki({ now: new Date() });
    const text = pemChain([pck.der, intermediate.der, root.der]);
    return textSeeds({
      chain: text,
      'carriage-returns': text.replaceAll('\n', '\r\n'),
      nul: `${text}\0`,
      two: pemChain([pck.der, root.der]),
      short: '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n'.repeat(3),
    });
  },
  maxLength: 8192,
};
