/**
 * The interfaces of the kernel to a TEE, as the key service uses them. An emulated machine gives others.
 *
 * @module
 */
import {
  type DeviceFiles,
  nodeDeviceFiles,
  openSevGuest,
  openTpm,
  type SevGuest,
  type TpmTransport,
} from '@vitrine/attester';
import type { Endorsements } from '@vitrine/documents';

export interface Devices {
  /** configfs, the run-time registers and the firmware's log. */
  readonly files: DeviceFiles;
  openTpm(path: string): Promise<TpmTransport>;
  openSevGuest(path: string): Promise<SevGuest>;
  /** Of a machine that no vendor knows, to be sent along; absent for real ones, which verifiers ask the vendor about. */
  readonly endorsements?: () => Promise<Endorsements | undefined>;
}

export const realDevices: Devices = {
  files: nodeDeviceFiles,
  openTpm: (path) => openTpm(path),
  openSevGuest: (path) => openSevGuest(path),
};
