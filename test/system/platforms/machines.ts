/**
 * Emulated machines for `vitrine run`: a TPM in software, a guest of dstack, a guest of Confidential Containers with
 * its key broker. Each says how a user trusts it, and the secret that it wraps the root of keys with.
 *
 * @module
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dstackAgent, dstackEndpoint, dstackRootSecret, openTpm, tpmRootSecret } from '@vitrine/attester';
import {
  type Endorsements,
  type Manifest,
  manifestShape,
  type ReferenceEntry,
  type ReferenceValues,
} from '@vitrine/documents';
import { renderAppCompose, renderInitData } from '@vitrine/documents/launch';
import {
  type KbsServer,
  openSimulator,
  type Registers,
  startCocoGuest,
  startDstackAgent,
  startKbs,
} from '@vitrine/simulator';
import { endorsementsOf, parseTpmAttestationKey } from '@vitrine/verifier';
import { type Swtpm, startSwtpm } from '../../../packages/attester/src/tpm/testing/swtpm.ts';
import type { Running, Workplace } from '../../support/cli.ts';
import type { Machine } from './journey.ts';

export interface EmulatedMachine extends Machine {
  /** The secret that wraps the root of keys of the server with this name. The server must not be running. */
  rootSecret(name: string): Promise<Uint8Array>;
  end(): Promise<void>;
}

const IMAGE = `registry.example/vitrine@sha256:${'ab'.repeat(32)}`;
const RESOURCE = 'default/vitrine/box';
const ZERO = '0'.repeat(64);

/** Without firmware, so that nothing but the manifest is measured. */
export async function tpmMachine(user: Workplace): Promise<EmulatedMachine & { readonly tpm: Swtpm }> {
  const tpm = await startSwtpm();
  const referenceValues = (manifestDigest: string): ReferenceValues => ({
    type: 'vitrine/reference-values/v1',
    release: 'emulated',
    entries: [
      {
        technology: 'tpm',
        shape: 'swtpm without firmware',
        registers: { pcr0: ZERO, pcr2: ZERO, pcr4: ZERO },
        computedBy: 'this test',
        manifestDigest,
      },
    ],
  });
  const akFile = ({ ready: { verify } }: Running): string => verify[verify.indexOf('--tpm-ak') + 1] ?? '';
  return {
    tpm,
    flags: ['--platform', 'tpm', '--device', tpm.path],
    boot: () => tpm.powerCycle(),
    trustFlags: async (server) => {
      const file = join(user.directory, 'reference.json');
      await writeFile(file, JSON.stringify(referenceValues(server.ready.manifestDigest)));
      return ['--tpm-ak', akFile(server), '--reference', file];
    },
    trust: async (server) => ({
      policy: 'default',
      referenceValues: referenceValues(server.ready.manifestDigest),
      tpmAk: parseTpmAttestationKey(Uint8Array.from(readFileSync(akFile(server)))),
    }),
    roots: async () => '[{ kind: tpm-pcr }]',
    chain: /manifest: simulator/,
    derivable: /whoever runs the virtual TPM/,
    rootSecret: async (name) => {
      const directory = join(user.home, 'keys', name);
      const { pcrs } = JSON.parse(readFileSync(join(directory, 'tpm-root.json'), 'utf8')) as {
        readonly pcrs: readonly number[];
      };
      const transport = await openTpm(tpm.path);
      try {
        return await tpmRootSecret({ transport, directory, pcrs, create: false }).secret();
      } finally {
        await transport.close();
      }
    },
    end: () => tpm.stop(),
  };
}

interface Launched {
  readonly registers: Partial<Registers>;
  readonly document: Uint8Array;
}

/** By the root of the emulator, with collateral and the registers of what was launched. */
function trusting(directory: string, user: Workplace, launched: () => Launched): Pick<Machine, 'trust' | 'trustFlags'> {
  const opened = openSimulator({ directory, now: () => new Date(), release: 'emulated' });
  const endorsements = async (): Promise<Endorsements> => ({
    type: 'vitrine/endorsements/v1',
    dcap: [(await opened).collateral()],
  });
  const valuesOf = ({ ready: { manifestDigest } }: Running): ReferenceValues => {
    const { registers, document } = launched();
    const launch = createHash('sha256').update(document).digest('hex');
    const entry = { technology: 'tdx', registers, shape: 'emulated', computedBy: 'this test', manifestDigest, launch };
    return { type: 'vitrine/reference-values/v1', release: 'emulated', entries: [entry as ReferenceEntry] };
  };
  return {
    trustFlags: async (server) => {
      const [reference, collateral] = [
        join(user.directory, 'reference.json'),
        join(user.directory, 'endorsements.json'),
      ];
      await writeFile(reference, JSON.stringify(valuesOf(server)));
      await writeFile(collateral, JSON.stringify(await endorsements()));
      return ['--simulator-root', join(directory, 'root.pem'), '--reference', reference, '--endorsements', collateral];
    },
    trust: async (server) => ({
      policy: 'default',
      referenceValues: valuesOf(server),
      simulatorRootPem: readFileSync(join(directory, 'root.pem'), 'utf8'),
      endorsements: endorsementsOf(await endorsements(), 'this test'),
    }),
  };
}

export interface DstackMachineOptions {
  readonly version: '0.6' | '0.5';
  /** Where the server reaches the agent, if not at its own socket. */
  readonly device?: string;
  /** Name of the agent's socket in the workplace. Another one is another instance of the application. */
  readonly socket?: string;
  /** What the compose starts. */
  readonly image?: string;
  /** That of an application that was deployed before, with another compose. */
  readonly appId?: string;
}

export interface DstackMachine extends EmulatedMachine {
  /** Of the agent itself. */
  readonly socketPath: string;
  /** Of the application, once it was booted. */
  appId(): string | undefined;
}

export function dstackMachine(
  user: Workplace,
  { version, device, socket = 'dstack.sock', image = IMAGE, ...options }: DstackMachineOptions,
): DstackMachine {
  const directory = join(user.directory, 'emulator');
  const socketPath = join(user.directory, socket);
  let agent: Awaited<ReturnType<typeof startDstackAgent>> | undefined;
  let appCompose = new Uint8Array();
  // An owner names the application before it is deployed, so the manifest can name its key server.
  const { appId = '5a'.repeat(20) } = options;
  const start = async (): Promise<void> => {
    agent = await startDstackAgent({ socketPath, version, directory, appCompose, now: () => new Date(), appId });
  };
  return {
    socketPath,
    appId: () => appId,
    flags: ['--platform', 'dstack', '--device', device ?? socketPath],
    boot: async (manifestDigest) => {
      await agent?.close();
      appCompose = renderAppCompose({
        name: 'box',
        settings: { key_provider: 'kms' },
        compose: {
          services: {
            vitrine: {
              image,
              environment: { VITRINE_MANIFEST_DIGEST: manifestDigest },
              volumes: ['/var/run/dstack.sock:/var/run/dstack.sock'],
            },
          },
        },
      });
      await start();
    },
    roots: async () => {
      if (agent === undefined) await start();
      const { description } = await dstackRootSecret(dstackAgent(dstackEndpoint(socketPath)), 'box');
      return `[{ kind: dstack-kms, boundTo: ${JSON.stringify(description.boundTo)} }]`;
    },
    ...trusting(directory, user, () => {
      if (agent === undefined) throw new Error('the machine is not booted');
      // RTMR3 differs for each instance; the log explains it.
      const { rtmr3: _, ...registers } = agent.registers();
      return { registers, document: appCompose };
    }),
    chain: /manifest: simulator/,
    derivable: /whoever holds the root of the dstack key server/,
    rootSecret: async (name) => (await dstackRootSecret(dstackAgent(dstackEndpoint(socketPath)), name)).secret(),
    end: async () => agent?.close(),
  };
}

export interface CocoMachineOptions {
  /** What the broker has for the server. */
  readonly resource?: Uint8Array;
  /** Puts something between the server and a port; gives the port that the server is told. */
  readonly between?: (name: 'guest' | 'broker', port: number) => Promise<number>;
  /** What the policy of the next boot allows; always the same one by default. */
  readonly image?: () => string;
}

export interface CocoMachine extends EmulatedMachine {
  readonly broker: KbsServer;
  /** Of the guest service, as the server is told it. */
  guestPort(): number;
}

export async function cocoMachine(user: Workplace, options: CocoMachineOptions = {}): Promise<CocoMachine> {
  const {
    resource = Uint8Array.from(randomBytes(32)),
    between = async (_, port) => port,
    image = () => IMAGE,
  } = options;
  const directory = join(user.directory, 'emulator');
  const admitted = new Set<string>();
  const broker = await startKbs({
    tee: 'tdx',
    resources: { [RESOURCE]: resource },
    policy: ({ initData = '' }) => admitted.has(initData),
    tls: new Date(),
  });
  const url = `https://127.0.0.1:${await between('broker', Number(new URL(broker.url).port))}`;
  const document = join(user.directory, 'initdata.toml');
  let guest: Awaited<ReturnType<typeof startCocoGuest>> | undefined;
  let port = 0;
  let initData: Uint8Array<ArrayBuffer> = new Uint8Array();
  return {
    broker,
    guestPort: () => port,
    get flags() {
      const device = ['--device', `http://127.0.0.1:${port}`];
      return ['--platform', 'coco', ...device, '--init-data', document, '--root', `kbs:${url}#${RESOURCE}`];
    },
    boot: async () => {
      await guest?.close();
      initData = renderInitData({
        algorithm: 'sha384',
        manifest: await manifestHere(user),
        policy: { images: [{ image: image(), command: ['/vitrine'], directory: '/', environment: [] }] },
        kbs: { url, certificate: broker.certificate ?? '' },
      });
      await writeFile(document, initData);
      guest = await startCocoGuest({ directory, now: () => new Date(), tee: 'tdx', initData });
      port = await between('guest', guest.endpoint.port);
      admitted.add(Buffer.from(guest.mrConfigId).toString('hex'));
    },
    ...trusting(directory, user, () => ({ registers: guest?.registers ?? {}, document: initData })),
    roots: async () => `[{ kind: kbs, boundTo: "the resource ${RESOURCE} of the key broker ${url} and its policy" }]`,
    chain: /manifest: simulator/,
    derivable: /the administrator of the key broker/,
    rootSecret: async () => resource,
    end: async () => {
      await guest?.close();
      await broker.close();
    },
  };
}

/** The manifest that `vitrine.yaml` of this workplace leads to. */
export async function manifestHere(user: Workplace): Promise<Manifest> {
  const shown = manifestShape.parse(JSON.parse((await user.run(['config', 'show', '--json'])).stdout));
  if (!shown.ok) throw new Error(shown.issues[0]?.message);
  return shown.value;
}
