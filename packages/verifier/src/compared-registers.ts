/**
 * Which registers of evidence are compared with reference values, and in which order. What a pin keeps follows from
 * the same table, so that nothing which is compared can be left out of a pin.
 *
 * @module
 */
import type { TechnologyName } from './result.ts';

export interface ComparedRegisters {
  /** Along the chain of measurement, so that a difference is reported where it begins. */
  readonly order: readonly string[];
  /** Have to be zero in the evidence unless the reference values name them, or what explains them. */
  readonly zero: readonly string[];
  /** Compared only where they are named. All others have to be there. */
  readonly optional: readonly string[];
  /** Where a launch document is compared. */
  readonly launch?: string;
}

export const COMPARED_REGISTERS: Readonly<Record<TechnologyName, ComparedRegisters>> = {
  tdx: {
    order: ['mrtd', 'rtmr0', 'rtmr1', 'rtmr2', 'mrconfigid', 'mrowner', 'mrownerconfig', 'rtmr3'],
    zero: ['mrconfigid', 'mrowner', 'mrownerconfig'],
    optional: [],
    launch: 'mrconfigid',
  },
  sgx: { order: ['mrenclave', 'configid'], zero: ['configid'], optional: [] },
  snp: { order: ['measurement', 'hostdata'], zero: ['hostdata'], optional: [], launch: 'hostdata' },
  nitro: { order: ['pcr0', 'pcr1', 'pcr2', 'pcr3', 'pcr4', 'pcr8'], zero: [], optional: ['pcr3', 'pcr4', 'pcr8'] },
  tpm: {
    order: ['pcr0', 'pcr2', 'pcr4', 'pcr1', 'pcr3', 'pcr5', 'pcr7', 'pcr8', 'pcr9', 'pcr11', 'pcr12', 'pcr13', 'pcr14'],
    zero: [],
    optional: ['pcr1', 'pcr3', 'pcr5', 'pcr7', 'pcr8', 'pcr9', 'pcr11', 'pcr12', 'pcr13', 'pcr14'],
  },
};
