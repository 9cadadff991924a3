/**
 * X.509 certificates in DER, and the claims of a PCK certificate.
 *
 * @module
 */
import { forgePki } from '@vitrine/simulator/faults';
import { parsePckClaims } from '../../../packages/verifier/src/dcap/pck.ts';
import { parseCertificate } from '../../../packages/verifier/src/x509/certificate.ts';
import type { Target } from '../target.ts';

export const target: Target = {
  run: (bytes) => parsePckClaims(parseCertificate(bytes, 'certificate')),
  seeds: async () => {
    const { root, intermediate, pck, tcbSigning } = forgePki({ now: new Date() });
    return { root: root.der, intermediate: intermediate.der, pck: pck.der, 'tcb-signing': tcbSigning.der };
  },
  maxLength: 4096,
};
