/**
 * The machines of `platforms.ts`: each platform put together as the key service does it, over an emulator of its
 * interface, in this process. A TPM is a process of its own.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { queuedQuoteSource } from '@vitrine/attester';
import { type Manifest, manifestDigest } from '@vitrine/documents';
import { renderAppCompose, renderInitData } from '@vitrine/documents/launch';
import type { Platform } from '@vitrine/keys';
import {
  openEmulatedTdxMachine,
  openSimulatedSnp,
  startCocoGuest,
  startDstackAgent,
  startKbs,
} from '@vitrine/simulator';
import { missingSwtpm, startSwtpm } from '../../packages/attester/src/tpm/testing/swtpm.ts';
import type { PlatformChoice } from '../../packages/cli/src/platform/choice.ts';
import { type Devices, realDevices } from '../../packages/cli/src/platform/devices.ts';
import { platformOpener } from '../../packages/cli/src/platform/open-platform.ts';
import { VERSION } from '../../packages/cli/src/version.ts';
import { prepareSnpDirectory } from '../../packages/simulator/src/testing/snp-directory.ts';

const IMAGE = `registry.example/vitrine@sha256:${'ab'.repeat(32)}`;
const RESOURCE = 'default/vitrine/root';
const QUEUE = { waiting: 64, monotonic: (): number => performance.now() };
const now = (): Date => new Date();

export const MANIFEST: Manifest = {
  type: 'vitrine/manifest/v1',
  number: 1,
  name: 'bench',
  server: { source: { kind: 'command', command: 'bench' }, args: [], environment: {}, transport: 'stdio' },
  sandbox: 'none',
  runtime: { vitrine: VERSION, node: process.versions.node },
};

interface BenchMachine {
  readonly name: string;
  /** What its source of a root is called; absent where it has none of its own. */
  readonly root?: string;
  /** Absent where this cannot be had here, which the name says. */
  readonly platform?: Platform;
}

export interface BenchMachines {
  readonly machines: readonly BenchMachine[];
  close(): Promise<void>;
}

type Ends = (() => Promise<void>)[];

interface Place {
  readonly directory: string;
  readonly ends: Ends;
}

/** All of them, the simulator first. @param base - An empty folder; sockets are made in it. */
export async function openMachines(base: string): Promise<BenchMachines> {
  const ends: Ends = [];
  const close = async (): Promise<void> => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  const place = (name: string): Place => {
    const directory = join(base, name);
    mkdirSync(directory);
    return { directory, ends };
  };
  try {
    const machines = [
      await simulator(place('simulator')),
      await configfsTdx(place('tdx')),
      await snp(place('configfs-snp'), 'configfs'),
      await snp(place('sev-guest'), 'sev-guest'),
      await tpm(place('tpm')),
      await dstack(place('dstack-6'), '0.6'),
      await dstack(place('dstack-5'), '0.5'),
      await coco(place('coco')),
    ];
    return { machines, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function opened(
  { directory }: Place,
  platform: PlatformChoice,
  more: { readonly devices?: Devices; readonly tpm?: string } = {},
): Promise<Platform> {
  const { devices, tpm } = more;
  const state = { simulator: join(directory, 'state'), directory, newSecrets: true, waysOut: {} };
  const opener = platformOpener({ platform, ...state, ...(tpm === undefined ? {} : { tpm }) }, devices);
  await opener.prepare();
  return opener.open(await manifestDigest(MANIFEST), MANIFEST);
}

async function simulator(place: Place): Promise<BenchMachine> {
  const platform = await opened(place, { name: 'simulator', roots: [] });
  // Behind the same line as the others, which it needs nowhere else.
  return { name: 'the simulator’s TDX', platform: { ...platform, source: queuedQuoteSource(platform.source, QUEUE) } };
}

async function configfsTdx(place: Place): Promise<BenchMachine> {
  const machine = await openEmulatedTdxMachine({ directory: join(place.directory, 'state'), now, release: VERSION });
  const devices = { ...realDevices, files: machine.files, endorsements: () => machine.endorsements() };
  return { name: 'TDX, configfs', platform: await opened(place, { name: 'tdx', roots: [] }, { devices }) };
}

async function snp(place: Place, way: 'configfs' | 'sev-guest'): Promise<BenchMachine> {
  const state = join(place.directory, 'state');
  await prepareSnpDirectory(state, now());
  const launched = await openSimulatedSnp({ directory: state, now, release: VERSION });
  const { device, files } = launched.launch(await manifestDigest(MANIFEST));
  const path = join(place.directory, 'sev-guest');
  const hasDevice = way === 'sev-guest';
  const devices: Devices = { ...realDevices, ...(hasDevice ? { openSevGuest: async () => device } : { files }) };
  const roots = hasDevice ? [{ kind: 'snp', device: path } as const] : [];
  const platform = await opened(place, { name: 'sev-snp', device: path, roots }, { devices });
  if (!hasDevice) return { name: 'SEV-SNP, configfs', platform };
  return { name: 'SEV-SNP, /dev/sev-guest', root: 'SEV-SNP derived key', platform };
}

async function tpm(place: Place): Promise<BenchMachine> {
  const missing = missingSwtpm();
  const [name, root] = ['TPM 2.0, swtpm', 'TPM 2.0, unsealed under PCRs and an encrypted session'];
  if (missing !== false)
    return { name: `${name} (not measured: ${missing})`, root: `${root} (not measured: ${missing})` };
  const { path, stop } = await startSwtpm();
  place.ends.push(stop);
  const choice: PlatformChoice = { name: 'tpm', device: path, roots: [{ kind: 'tpm', device: path }] };
  return { name, root, platform: await opened(place, choice, { tpm: path }) };
}

async function dstack(place: Place, version: '0.6' | '0.5'): Promise<BenchMachine> {
  const socketPath = join(place.directory, 'dstack.sock');
  const appCompose = renderAppCompose({
    name: MANIFEST.name,
    settings: { key_provider: 'kms' },
    compose: {
      services: {
        vitrine: {
          image: IMAGE,
          environment: { VITRINE_MANIFEST_DIGEST: await manifestDigest(MANIFEST) },
          volumes: ['/var/run/dstack.sock:/var/run/dstack.sock'],
        },
      },
    },
  });
  const agent = await startDstackAgent({
    socketPath,
    version,
    directory: join(place.directory, 'state'),
    appCompose,
    now,
  });
  place.ends.push(() => agent.close());
  const platform = await opened(place, {
    name: 'dstack',
    device: socketPath,
    roots: [{ kind: 'dstack', agent: socketPath }],
  });
  return { name: `dstack ${version}, guest agent`, root: `dstack ${version}, key of the guest agent`, platform };
}

async function coco(place: Place): Promise<BenchMachine> {
  const kbs = await startKbs({
    tee: 'tdx',
    resources: { [RESOURCE]: Uint8Array.from(randomBytes(32)) },
    policy: () => true,
    tls: now(),
  });
  place.ends.push(() => kbs.close());
  const initData = renderInitData({
    algorithm: 'sha384',
    manifest: MANIFEST,
    policy: { images: [{ image: IMAGE, command: ['/vitrine'], directory: '/', environment: [] }] },
    kbs: { url: kbs.url, certificate: kbs.certificate ?? '' },
  });
  const document = join(place.directory, 'initdata.toml');
  writeFileSync(document, initData);
  const guest = await startCocoGuest({ directory: join(place.directory, 'state'), now, tee: 'tdx', initData });
  place.ends.push(() => guest.close());
  const platform = await opened(place, {
    name: 'coco',
    device: `http://127.0.0.1:${guest.endpoint.port}`,
    initData: document,
    roots: [{ kind: 'kbs', url: kbs.url, resource: RESOURCE }],
  });
  return { name: 'CoCo TDX, api-server-rest', root: 'key broker, its whole handshake over TLS', platform };
}
