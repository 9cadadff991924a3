/**
 * The key service on an emulated machine: TDX through configfs and register files in memory, SEV-SNP through a device
 * in memory. Starting it is a boot of the machine. A file that stands for the device names the manifest that the
 * machine was launched for.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import type { SevGuest } from '@vitrine/attester';
import { type Devices, realDevices } from '../../../packages/cli/src/platform/devices.ts';
import { type KeydArguments, readKeydArguments } from '../../../packages/cli/src/platform/keyd-arguments.ts';
import { platformOpener } from '../../../packages/cli/src/platform/open-platform.ts';
import { VERSION } from '../../../packages/cli/src/version.ts';
import { runKeyd } from '../../../packages/keys/src/process/keyd-main.ts';
import { openEmulatedTdxMachine, openSimulatedSnp } from '../../../packages/simulator/src/index.ts';

const given = readKeydArguments(process.argv.slice(2));
const opener = platformOpener(given, await devicesOf(given));
runKeyd({ directory: given.directory, prepare: opener.prepare, platform: opener.open });

async function devicesOf({ platform, simulator }: KeydArguments): Promise<Devices> {
  const options = { directory: simulator, now: () => new Date(), release: VERSION };
  if (platform.name === 'tdx') {
    const machine = await openEmulatedTdxMachine(options);
    return { ...realDevices, files: machine.files, endorsements: () => machine.endorsements() };
  }
  return {
    ...realDevices,
    openSevGuest: async (path) => {
      const manifestDigest = readFileSync(path, 'utf8').trim();
      let opened: Promise<SevGuest> | undefined;
      // The state of the emulator is the service's, once it is its own user.
      const device = (): Promise<SevGuest> => {
        opened ??= openSimulatedSnp(options).then((snp) => snp.launch(manifestDigest).device);
        return opened;
      };
      return {
        extendedReport: async (...request) => (await device()).extendedReport(...request),
        derivedKey: async (...request) => (await device()).derivedKey(...request),
        close: async () => (await opened)?.close(),
      };
    },
  };
}
