/**
 * The measurement files of a TD in memory, as Linux 6.16 and later have them: registers are read as they are, and
 * a write of 48 bytes to RTMR2 or RTMR3 extends.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import type { DeviceFiles } from '@vitrine/attester';
import { concatBytes, fromHex, toHex, UsageError } from '@vitrine/documents';
import { errnoError, readWhole } from './configfs-mount.ts';

const REGISTER_BYTES = 48;

/** SHA-384 values, lower-case hexadecimal; what is absent is zero. */
export interface TdRegisterValues {
  readonly mrtd?: string;
  readonly mrconfigid?: string;
  readonly mrowner?: string;
  readonly mrownerconfig?: string;
  readonly rtmr0?: string;
  readonly rtmr1?: string;
  readonly rtmr2?: string;
  readonly rtmr3?: string;
}

export type TdRegister = keyof TdRegisterValues;

/** Files by the register that they show. */
const FILES: Readonly<Record<string, TdRegister>> = {
  'mrtd:sha384': 'mrtd',
  mrconfigid: 'mrconfigid',
  mrowner: 'mrowner',
  mrownerconfig: 'mrownerconfig',
  'rtmr0:sha384': 'rtmr0',
  'rtmr1:sha384': 'rtmr1',
  'rtmr2:sha384': 'rtmr2',
  'rtmr3:sha384': 'rtmr3',
};
/** The others are the firmware's. */
const EXTENDABLE: ReadonlySet<string> = new Set(['rtmr2', 'rtmr3']);

export interface EmulatedRegisters {
  readonly files: DeviceFiles;
  /** As they are now, 48 bytes each. */
  read(register: TdRegister): Uint8Array<ArrayBuffer>;
}

/**
 * Registers right after launch.
 *
 * @param root - The directory of the files.
 */
export function emulatedRegisters(
  initial: TdRegisterValues,
  root: string = '/sys/devices/virtual/misc/tdx_guest/measurements',
): EmulatedRegisters {
  const registers = new Map<TdRegister, Uint8Array<ArrayBuffer>>();
  for (const register of Object.values(FILES)) registers.set(register, valueIn(initial[register], register));
  const read = (register: TdRegister): Uint8Array<ArrayBuffer> =>
    Uint8Array.from(registers.get(register) ?? new Uint8Array(REGISTER_BYTES));
  const locate = (path: string): TdRegister => {
    const name = path.startsWith(`${root}/`) ? path.slice(root.length + 1) : '';
    const register = Object.hasOwn(FILES, name) ? FILES[name] : undefined;
    if (register === undefined) throw errnoError('ENOENT', 'open', path);
    return register;
  };
  const files: DeviceFiles = {
    exists: async (path) => path === root || Object.hasOwn(FILES, path.slice(root.length + 1)),
    list: async (path) => {
      if (path !== root) throw errnoError('ENOENT', 'scandir', path);
      return Object.keys(FILES);
    },
    makeDirectory: async (path) => {
      throw errnoError('EPERM', 'mkdir', path);
    },
    removeDirectory: async (path) => {
      throw errnoError('EPERM', 'rmdir', path);
    },
    write: async (path, bytes) => {
      const register = locate(path);
      if (!EXTENDABLE.has(register)) throw errnoError('EACCES', 'open', path);
      if (bytes.length !== REGISTER_BYTES) throw errnoError('EINVAL', 'write', path);
      const hash = createHash('sha384').update(concatBytes(read(register), bytes));
      registers.set(register, Uint8Array.from(hash.digest()));
    },
    read: async (path, limit) => readWhole(read(locate(path)), path, limit),
  };
  return { files, read };
}

function valueIn(digits: string | undefined, register: string): Uint8Array<ArrayBuffer> {
  const value = digits === undefined ? new Uint8Array(REGISTER_BYTES) : fromHex(digits);
  if (value?.length === REGISTER_BYTES) return value;
  throw new UsageError('simulator.register', `expected 96 hexadecimal digits for ${register}`);
}

/** Lower-case hexadecimal, as reference values name registers. */
export function showRegisters(registers: EmulatedRegisters): Readonly<Required<TdRegisterValues>> {
  const show = (register: TdRegister): string => toHex(registers.read(register));
  return {
    mrtd: show('mrtd'),
    mrconfigid: show('mrconfigid'),
    mrowner: show('mrowner'),
    mrownerconfig: show('mrownerconfig'),
    rtmr0: show('rtmr0'),
    rtmr1: show('rtmr1'),
    rtmr2: show('rtmr2'),
    rtmr3: show('rtmr3'),
  };
}
