/**
 * Opens the SEV-SNP guest device through `koffi`, which is loaded here and nowhere else, when it is needed.
 *
 * Its native code runs in this process with all its rights: it is an optional dependency in an exact version,
 * for machines that need derived keys. Evidence alone comes through configfs without it.
 *
 * The call is made on another thread, since the kernel waits for a busy host inside of it.
 *
 * @module
 */
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleepFor } from 'node:timers/promises';
import { VitrineError } from '@vitrine/documents';
import { errnoOf } from '../tsm/errno.ts';
import { type Native, sevGuestDevice } from './device.ts';
import type { SevGuest } from './sev-guest.ts';

export const SEV_GUEST_DEVICE = '/dev/sev-guest';

/** What this module uses of koffi. */
export interface Ffi {
  load(path: null): {
    func(prototype: string): {
      async(
        descriptor: number,
        request: number,
        argument: Uint8Array,
        done: (error: unknown, result: number) => void,
      ): void;
    };
  };
  errno(): number;
  address(bytes: Uint8Array): bigint;
}

/**
 * @param sleep - How to wait for a busy host.
 * @param loadFfi - Gives koffi.
 * @throws VitrineError `attester.unavailable` where koffi or the device is not there.
 */
export async function openSevGuest(
  path: string = SEV_GUEST_DEVICE,
  sleep: (milliseconds: number) => Promise<void> = sleepFor,
  loadFfi: () => Promise<Ffi> = loadKoffi,
): Promise<SevGuest> {
  const handle = await openDevice(path);
  try {
    return sevGuestDevice(nativeOf(await ffiOf(loadFfi), handle), sleep);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Calls on an open file. */
export function nativeOf(ffi: Ffi, handle: FileHandle): Native {
  // Variadic in C; on x86-64, where SEV is, such a call is passed alike.
  const ioctl = ffi.load(null).func('int ioctl(int fd, unsigned long request, void *argument)');
  let isOpen = true;
  return {
    ioctl: (request, argument) =>
      new Promise((resolve, reject) => {
        ioctl.async(handle.fd, request, argument, (error, result) => {
          // The errno of that thread, which koffi brings along.
          const errno = result === 0 ? 0 : ffi.errno();
          if (error) reject(error);
          else resolve({ result, errno });
        });
      }),
    address: (bytes) => ffi.address(bytes),
    close: async () => {
      if (!isOpen) return;
      isOpen = false;
      await handle.close();
    },
  };
}

async function openDevice(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    const advice =
      code === 'EACCES' || code === 'EPERM'
        ? 'run as root, or give the user the right to the device'
        : 'this needs an SEV-SNP guest with Linux 5.19 or later and its driver sev-guest loaded';
    throw new VitrineError('attester.unavailable', `${path} cannot be opened (${code}): ${advice}`, { cause: error });
  }
}

async function ffiOf(load: () => Promise<Ffi>): Promise<Ffi> {
  try {
    return await load();
  } catch (cause) {
    throw new VitrineError(
      'attester.unavailable',
      'derived keys of SEV-SNP need the package koffi, which is not installed or not for this system: install koffi@3.3.4 beside @vitrine/attester',
      { cause },
    );
  }
}

async function loadKoffi(): Promise<Ffi> {
  const koffi = await import('koffi');
  return koffi.default;
}
