/**
 * A TD as programs inside of it see it: configfs and measurement files in memory, with quotes by the PKI of a
 * simulator over the registers as they were extended through the files.
 *
 * It lives as long as the process: opening it again is a restart of the machine, with RTMR3 at zero.
 *
 * @module
 */
import { type DeviceFiles, TDX_MEASUREMENTS, TSM_REPORT_ROOT } from '@vitrine/attester';
import type { Endorsements } from '@vitrine/documents';
import { type ConfigfsFaults, emulatedConfigfs } from './configfs.ts';
import { mounted, readOnlyFiles } from './configfs-mount.ts';
import { launchRegisters } from './registers.ts';
import { type EmulatedRegisters, emulatedRegisters, showRegisters } from './rtmr.ts';
import { openSimulator, type Simulator, type SimulatorOptions } from './simulator.ts';

export interface EmulatedTdxOptions extends SimulatorOptions {
  /** MRCONFIGID, 96 hexadecimal digits; zero unless given. */
  readonly mrconfigid?: string;
  /** Whether the kernel has the files of the registers (Linux 6.16); it has unless said otherwise. */
  readonly hasMeasurements?: boolean;
  /** The firmware's event log, and what RTMR0 to RTMR2 are after it, in place of the simulator's labels. */
  readonly firmware?: {
    readonly ccel: Uint8Array;
    readonly rtmr0: string;
    readonly rtmr1: string;
    readonly rtmr2: string;
  };
  readonly faults?: ConfigfsFaults;
}

export interface EmulatedTdxMachine {
  readonly files: DeviceFiles;
  readonly registers: EmulatedRegisters;
  /** Root, collateral and reference values: those of {@link Simulator} for the same directory. */
  readonly simulator: Simulator;
  /** What a relying party needs beside a quote. */
  endorsements(): Promise<Endorsements>;
}

const CCEL = '/sys/firmware/acpi/tables/data/CCEL';

/** @throws UsageError as {@link openSimulator} does. */
export async function openEmulatedTdxMachine(options: EmulatedTdxOptions): Promise<EmulatedTdxMachine> {
  const { firmware, faults, mrconfigid } = options;
  const simulator = await openSimulator(options);
  // The registers before anybody measured the manifest; what the digest is does not matter for these.
  const { mrtd, rtmr0, rtmr1, rtmr2 } = launchRegisters(options.release, '0'.repeat(96));
  const registers = emulatedRegisters({
    mrtd,
    rtmr0: firmware?.rtmr0 ?? rtmr0,
    rtmr1: firmware?.rtmr1 ?? rtmr1,
    rtmr2: firmware?.rtmr2 ?? rtmr2,
    ...(mrconfigid === undefined ? {} : { mrconfigid }),
  });
  const configfs = emulatedConfigfs({
    provider: 'tdx_guest',
    quote: async (reportData) =>
      simulator.launchMeasured(showRegisters(registers), registers.read('mrconfigid')).quote(reportData),
    ...(faults === undefined ? {} : { faults }),
  });
  return {
    files: mounted({
      [TSM_REPORT_ROOT]: configfs,
      ...(options.hasMeasurements === false ? {} : { [TDX_MEASUREMENTS]: registers.files }),
      ...(firmware === undefined ? {} : { [CCEL]: readOnlyFiles({ [CCEL]: () => firmware.ccel }) }),
    }),
    registers,
    simulator,
    endorsements: async () => ({ type: 'vitrine/endorsements/v1', dcap: [simulator.collateral()] }),
  };
}
