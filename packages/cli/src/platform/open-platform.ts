/**
 * From the words of `--platform` and `--root` to evidence and root secrets, inside the key service.
 *
 * Devices are opened while the service may still be root; all else happens as its own user. Where the enclave itself
 * measures the manifest (TDX, TPM), that is done before anything is quoted. Where the launch did (dstack, CoCo), another
 * manifest does not start. HOST_DATA of SEV-SNP without it is said to the operator.
 *
 * @module
 */
import { readFile } from 'node:fs/promises';
import {
  ccelEventLog,
  cocoQuoteSource,
  dstackAgent,
  dstackEndpoint,
  dstackQuoteSource,
  measureIntoPcr,
  measureIntoRtmr,
  type QuoteSource,
  queuedQuoteSource,
  requireComposeNames,
  requireInitDataNames,
  runningAppCompose,
  sevGuestQuoteSource,
  tpmQuoteSource,
  tsmQuoteSource,
} from '@vitrine/attester';
import { type Manifest, VitrineError } from '@vitrine/documents';
import type { Platform } from '@vitrine/keys';
import { openSimulator } from '@vitrine/simulator';
import { simulatorAnchor } from '@vitrine/verifier';
import { VERSION } from '../version.ts';
import { SNP_DEVICE } from './choice.ts';
import { type Devices, realDevices } from './devices.ts';
import { hostDataWarning } from './host-data.ts';
import { agentSocket, clocks, type Inside, monotonic, type Opened, openCocoGuest } from './inside.ts';
import type { KeydArguments } from './keyd-arguments.ts';
import { openAnchor } from './open-anchor.ts';
import { openRoots } from './open-roots.ts';

/** Quotes under way and waiting; a client that finds the line full comes again. */
const WAITING = 64;

export interface PlatformOpener {
  /** Opens devices. Called first, before the service has become its own user. */
  prepare(): Promise<void>;
  open(manifestDigest: string, manifest: Manifest): Promise<Platform>;
}

export function platformOpener(given: KeydArguments, devices: Devices = realDevices): PlatformOpener {
  let opened: Opened = {};
  return {
    prepare: async () => {
      opened = await openDevices(given, devices);
    },
    open: async (manifestDigest, manifest) => {
      const inside = { given, devices, opened, manifestDigest, manifest };
      const roots = await openRoots(inside, given.platform.roots, given.newSecrets);
      const former = given.platform.formerRoots;
      return {
        source: await openSource(inside),
        roots,
        ...(former === undefined ? {} : { formerRoots: await openRoots(inside, former, false) }),
        ...(await simulation(given)),
        openAnchor: (terms, store, access) => openAnchor(inside, terms, store, access),
      };
    },
  };
}

/** Its own root is the only one under which the other side of a hand-over may be simulated, too. */
async function simulation({
  platform,
  simulator,
}: KeydArguments): Promise<Pick<Platform, 'isSimulated' | 'simulatorAnchors'>> {
  if (platform.name !== 'simulator') return { isSimulated: false };
  const { rootPem } = await openSimulator({ directory: simulator, now: () => new Date(), release: VERSION });
  return { isSimulated: true, simulatorAnchors: [simulatorAnchor(rootPem)] };
}

async function openDevices({ platform, tpm }: KeydArguments, devices: Devices): Promise<Opened> {
  const ofRoot = [...platform.roots, ...(platform.formerRoots ?? [])].find(({ kind }) => kind === 'snp');
  const own = platform.name === 'sev-snp' ? (platform.device ?? SNP_DEVICE) : undefined;
  const path = (ofRoot?.kind === 'snp' ? ofRoot.device : undefined) ?? own;
  // Where SNP has no device of its own, configfs gives reports, but no keys.
  const isNeeded = ofRoot !== undefined || (own !== undefined && (await devices.files.exists(own)));
  return {
    ...(tpm === undefined ? {} : { tpm: await devices.openTpm(tpm) }),
    ...(path !== undefined && isNeeded ? { guest: await devices.openSevGuest(path) } : {}),
  };
}

async function openSource(inside: Inside): Promise<QuoteSource> {
  const { given, manifestDigest } = inside;
  if (given.platform.name === 'simulator') {
    const simulator = await openSimulator({ directory: given.simulator, now: () => new Date(), release: VERSION });
    return simulator.launch(manifestDigest);
  }
  return queuedQuoteSource(await openHardware(inside, given.platform.name), { waiting: WAITING, monotonic });
}

async function openHardware(
  inside: Inside,
  name: Exclude<KeydArguments['platform']['name'], 'simulator'>,
): Promise<QuoteSource> {
  const { devices, opened, manifestDigest } = inside;
  const { platform } = inside.given;
  switch (name) {
    case 'tdx':
      return openTdx(devices, manifestDigest);
    case 'sev-snp':
      return withHostData(
        opened.guest === undefined
          ? tsmQuoteSource({ files: devices.files, technology: 'snp', ...clocks })
          : sevGuestQuoteSource(opened.guest),
        manifestDigest,
      );
    case 'tpm': {
      const { tpm } = opened;
      if (tpm === undefined) throw new TypeError('the TPM was not opened');
      await measureIntoPcr(tpm, manifestDigest);
      return tpmQuoteSource({ transport: tpm });
    }
    case 'dstack': {
      const agent = dstackAgent(dstackEndpoint(agentSocket(platform.device)));
      await requireComposeNames(runningAppCompose(await agent.info()), manifestDigest);
      return dstackQuoteSource(agent);
    }
    case 'coco': {
      const guest = openCocoGuest(inside);
      const { tee } = await guest.info();
      if (tee === undefined) {
        throw new VitrineError(
          'attester.unavailable',
          'the guest service gives no evidence; start it with --features=all, or attestation',
        );
      }
      const initData = Uint8Array.from(await readFile(platform.initData ?? ''));
      await requireInitDataNames(initData, manifestDigest);
      return cocoQuoteSource(guest, { tee, initData });
    }
  }
}

async function withHostData(source: QuoteSource, manifestDigest: string): Promise<QuoteSource> {
  const warning = await hostDataWarning(source, manifestDigest);
  if (warning !== undefined) process.stderr.write(`${warning}\n`);
  return source;
}

async function openTdx({ files, endorsements }: Devices, manifestDigest: string): Promise<QuoteSource> {
  await measureIntoRtmr({ files }, manifestDigest);
  const { log } = await ccelEventLog({ files, manifestDigest });
  return tsmQuoteSource({
    files,
    technology: 'tdx',
    ...(log === undefined ? {} : { eventLog: async () => log }),
    ...(endorsements === undefined ? {} : { endorsements }),
    ...clocks,
  });
}
