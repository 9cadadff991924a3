/**
 * The quoting enclave's identity as Intel signs it.
 *
 * @module
 */
import { forgeCollateral, forgePki } from '@vitrine/simulator/faults';
import { parseQeIdentity } from '../../../packages/verifier/src/dcap/qe-identity.ts';
import { decoded, type Target, textSeeds } from '../target.ts';

export const target: Target = {
  run: (bytes) => parseQeIdentity(decoded(bytes)),
  seeds: async () => textSeeds({ good: forgeCollateral(forgePki({ now: new Date() })).qe_identity }),
  maxLength: 8192,
};
