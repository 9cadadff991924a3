/**
 * Endorsement files of every kind.
 *
 * @module
 */
import { forgeCollateral, forgePki, pemChain } from '@vitrine/simulator/faults';
import { parseEndorsements } from '@vitrine/verifier';
import { type Target, textSeeds } from '../target.ts';

export const target: Target = {
  run: (bytes) => parseEndorsements(bytes, 'endorsements'),
  seeds: async () => {
    const pki = forgePki({ now: new Date() });
    const { pck_crl, ...collateral } = forgeCollateral(pki);
    const short = Object.fromEntries(Object.entries(collateral).map(([name, text]) => [name, text.slice(0, 32)]));
    const document = { type: 'vitrine/endorsements/v1', certificates: ['MAA'], revocationLists: ['MAA'] };
    return {
      ...textSeeds({
        collateral: JSON.stringify({ ...short, pck_crl: '3000' }),
        document: JSON.stringify({ ...document, dcap: [{ ...short, pck_crl: '3000' }] }),
        certificate: pemChain([pki.root.der]),
        chain: pemChain([pki.intermediate.der, pki.root.der]),
      }),
      certificateDer: pki.root.der,
      listDer: Buffer.from(pck_crl, 'hex'),
    };
  },
  maxLength: 8192,
};
