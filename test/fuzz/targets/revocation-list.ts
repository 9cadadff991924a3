/**
 * Certificate revocation lists in DER.
 *
 * @module
 */
import { forgeCollateral, forgePki, revoking } from '@vitrine/simulator/faults';
import { parseRevocationList } from '../../../packages/verifier/src/x509/crl.ts';
import type { Target } from '../target.ts';

export const target: Target = {
  run: (bytes) => parseRevocationList(bytes, 'list'),
  seeds: async () => {
    const pki = forgePki({ now: new Date() });
    const { root_ca_crl, pck_crl } = forgeCollateral(pki);
    const revoked = forgeCollateral(pki, { pckCrl: revoking('pck'), rootCrl: revoking('intermediate') });
    return {
      root: Buffer.from(root_ca_crl, 'hex'),
      pck: Buffer.from(pck_crl, 'hex'),
      'pck-revoked': Buffer.from(revoked.pck_crl, 'hex'),
      'root-revoking': Buffer.from(revoked.root_ca_crl, 'hex'),
    };
  },
  maxLength: 4096,
};
