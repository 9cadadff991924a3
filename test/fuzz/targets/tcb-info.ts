/**
 * TCB info as Intel signs it.
 *
 * @module
 */
import { forgeCollateral, forgePki, withTcbStatus } from '@vitrine/simulator/faults';
import { parseTcbInfo } from '../../../packages/verifier/src/dcap/tcb-info.ts';
import { decoded, type Target, textSeeds } from '../target.ts';

export const target: Target = {
  run: (bytes) => parseTcbInfo(decoded(bytes)),
  seeds: async () => {
    const pki = forgePki({ now: new Date() });
    const tcbInfo = withTcbStatus('OutOfDate', ['INTEL-SA-00837']);
    return textSeeds({
      good: forgeCollateral(pki).tcb_info,
      advisories: forgeCollateral(pki, { tcbInfo }).tcb_info,
    });
  },
  maxLength: 16_384,
};
