/**
 * Measures the manifest into the run-time register RTMR3 of a TD, through the files of Linux 6.16 and later.
 *
 * The register must be what one extension of the manifest's digest makes of it, and nothing else: that is what
 * verifiers demand. So it is extended from zero alone, and read back. A register that holds anything else was
 * extended by somebody else, or for another manifest; no write brings it back, only a restart of the machine.
 * A machine that was launched with the manifest's digest in MRCONFIGID needs no extension.
 *
 * Not for two processes at once: both would extend, and both would find out and refuse.
 *
 * Files: Linux, Documentation/ABI/testing/sysfs-devices-virtual-misc-tdx_guest. A write of 48 bytes extends,
 * Intel TDX Module Base Architecture Specification, "Run-Time Measurement Registers".
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { concatBytes, fromHex, sameBytes, toHex, UsageError, VitrineError } from '@vitrine/documents';
import type { DeviceFiles } from '../device-files.ts';
import { errnoOf } from './errno.ts';

export const TDX_MEASUREMENTS = '/sys/devices/virtual/misc/tdx_guest/measurements';
export const MEASUREMENT_BYTES = 48;

export interface RtmrOptions {
  readonly files: DeviceFiles;
  /** {@link TDX_MEASUREMENTS} unless given. */
  readonly root?: string;
}

/** Where the manifest's digest stands: extended now, extended before, or given at launch. */
export type ManifestAnchoring = 'extended' | 'was-extended' | 'mrconfigid';

/**
 * Sees to it that evidence of this machine has the manifest's digest.
 *
 * @param manifestDigest - SHA-384, 96 lower-case hexadecimal digits.
 * @throws VitrineError `attester.unavailable` where the kernel has no such files, `attester.hardware` where the
 *   register holds something else.
 */
export async function measureIntoRtmr(
  { files, root = TDX_MEASUREMENTS }: RtmrOptions,
  manifestDigest: string,
): Promise<ManifestAnchoring> {
  const digest = fromHex(manifestDigest);
  if (digest?.length !== MEASUREMENT_BYTES) {
    throw new UsageError(
      'attester.manifest-digest',
      `expected a manifest digest of 96 lower-case hexadecimal digits, found ${JSON.stringify(manifestDigest.slice(0, 100))}`,
    );
  }
  const configured = await readMeasurement({ files, root }, 'mrconfigid');
  if (configured !== undefined && sameBytes(configured, digest)) return 'mrconfigid';
  const zero = new Uint8Array(MEASUREMENT_BYTES);
  const expected = extended(zero, digest);
  const register = await readMeasurement({ files, root }, 'rtmr3:sha384');
  if (register === undefined) {
    throw new VitrineError(
      'attester.unavailable',
      `there is no ${root}/rtmr3:sha384, so the manifest cannot be measured: this needs Linux 6.16 or later in the TD`,
    );
  }
  if (sameBytes(register, expected)) return 'was-extended';
  if (!sameBytes(register, zero)) {
    throw foreign(`RTMR3 holds ${toHex(register)}, which is neither zero nor the manifest ${manifestDigest} alone`);
  }
  await extendRegister(files, `${root}/rtmr3:sha384`, digest);
  const after = await readMeasurement({ files, root }, 'rtmr3:sha384');
  if (after === undefined || !sameBytes(after, expected)) {
    throw foreign(
      `RTMR3 was extended with the manifest and holds ${after === undefined ? 'nothing' : toHex(after)} instead of ${toHex(expected)}: somebody else extended it at the same time`,
    );
  }
  return 'extended';
}

async function extendRegister(files: DeviceFiles, path: string, digest: Uint8Array): Promise<void> {
  try {
    await files.write(path, digest);
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    if (code === 'EACCES' || code === 'EPERM') {
      throw new VitrineError(
        'attester.unavailable',
        `this user may not extend ${path} (${code}): run as root, or give the user the right to write there`,
        { cause: error },
      );
    }
    throw new VitrineError(
      'attester.hardware',
      `RTMR3 could not be extended (${code}); look into the kernel's log (dmesg) and restart the machine`,
      { cause: error },
    );
  }
}

/** One register of the TD; `undefined` where the kernel has no file for it. */
export async function readMeasurement(
  { files, root = TDX_MEASUREMENTS }: RtmrOptions,
  name: string,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  let value: Uint8Array<ArrayBuffer>;
  try {
    value = await files.read(`${root}/${name}`, MEASUREMENT_BYTES);
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT') return undefined;
    if (code === undefined) throw error;
    throw new VitrineError('attester.hardware', `${root}/${name} cannot be read (${code})`, { cause: error });
  }
  if (value.length === MEASUREMENT_BYTES) return value;
  throw new VitrineError(
    'attester.hardware',
    `expected ${MEASUREMENT_BYTES} bytes in ${root}/${name}, found ${value.length}`,
  );
}

/** SHA-384(register ‖ digest). */
export function extended(register: Uint8Array, digest: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(createHash('sha384').update(concatBytes(register, digest)).digest());
}

function foreign(message: string): VitrineError {
  return new VitrineError('attester.hardware', `${message}; restart the machine, and let nothing else extend RTMR3`);
}
