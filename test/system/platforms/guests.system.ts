/** The whole way inside the guests of dstack and of Confidential Containers, whose services are emulated. */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Endorsements,
  type Manifest,
  manifestShape,
  type ReferenceEntry,
  type ReferenceValues,
} from '@vitrine/documents';
import { renderAppCompose, renderInitData } from '@vitrine/documents/launch';
import { openSimulator, type Registers, startCocoGuest, startDstackAgent, startKbs } from '@vitrine/simulator';
import { endorsementsOf } from '@vitrine/verifier';
import { afterEach } from 'vitest';
import { promise } from '../../promises.ts';
import { type Running, type Workplace, workplace } from '../../support/cli.ts';
import { journey, type Machine } from './journey.ts';

const RESOURCE = 'default/vitrine/box';
const IMAGE = `registry.example/vitrine@sha256:${'ab'.repeat(32)}`;
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function freshPlace(): Workplace {
  const user = workplace();
  ends.push(() => user.dispose());
  return user;
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

for (const version of ['0.6', '0.5'] as const) {
  promise('P4', `in dstack ${version}: verified as simulated, called, restarted, upgraded`, async () => {
    const user = freshPlace();
    const directory = join(user.directory, 'emulator');
    const socketPath = join(user.directory, 'dstack.sock');
    let agent: Awaited<ReturnType<typeof startDstackAgent>> | undefined;
    let appCompose = new Uint8Array();
    let appId: string | undefined;
    ends.push(async () => agent?.close());
    await journey(user, {
      flags: ['--platform', 'dstack', '--device', socketPath],
      boot: async (manifestDigest) => {
        await agent?.close();
        appCompose = renderAppCompose({
          name: 'box',
          settings: { key_provider: 'kms' },
          compose: {
            services: {
              vitrine: {
                image: IMAGE,
                environment: { VITRINE_MANIFEST_DIGEST: manifestDigest },
                volumes: ['/var/run/dstack.sock:/var/run/dstack.sock'],
              },
            },
          },
        });
        agent = await startDstackAgent({
          socketPath,
          version,
          directory,
          appCompose,
          now: () => new Date(),
          ...(appId === undefined ? {} : { appId }),
        });
        // An application keeps its name when its owner allows another compose.
        ({ appId } = agent);
      },
      ...trusting(directory, user, () => {
        if (agent === undefined) throw new Error('the machine is not booted');
        // RTMR3 differs for each instance; the log explains it.
        const { rtmr3: _, ...registers } = agent.registers();
        return { registers, document: appCompose };
      }),
      chain: /manifest: simulator/,
      derivable: /whoever holds the root of the dstack key server/,
    });
  });
}

promise(
  'P4',
  'in CoCo, with a root from a key broker: verified as simulated, called, restarted, upgraded',
  async () => {
    const user = freshPlace();
    const directory = join(user.directory, 'emulator');
    const admitted = new Set<string>();
    const kbs = await startKbs({
      tee: 'tdx',
      resources: { [RESOURCE]: Uint8Array.from(randomBytes(32)) },
      policy: ({ initData = '' }) => admitted.has(initData),
      tls: new Date(),
    });
    ends.push(() => kbs.close());
    const document = join(user.directory, 'initdata.toml');
    let guest: Awaited<ReturnType<typeof startCocoGuest>> | undefined;
    let initData: Uint8Array<ArrayBuffer> = new Uint8Array();
    ends.push(async () => guest?.close());
    await journey(user, {
      get flags() {
        const device = `http://127.0.0.1:${guest?.endpoint.port}`;
        return [
          '--platform',
          'coco',
          '--device',
          device,
          '--init-data',
          document,
          '--root',
          `kbs:${kbs.url}#${RESOURCE}`,
        ];
      },
      boot: async () => {
        await guest?.close();
        initData = renderInitData({
          algorithm: 'sha384',
          manifest: await manifestHere(user),
          policy: { images: [{ image: IMAGE, command: ['/vitrine'], directory: '/', environment: [] }] },
          kbs: { url: kbs.url, certificate: kbs.certificate ?? '' },
        });
        await writeFile(document, initData);
        guest = await startCocoGuest({ directory, now: () => new Date(), tee: 'tdx', initData });
        admitted.add(Buffer.from(guest.mrConfigId).toString('hex'));
      },
      ...trusting(directory, user, () => ({ registers: guest?.registers ?? {}, document: initData })),
      chain: /manifest: simulator/,
      derivable: /the administrator of the key broker/,
    });
  },
);

async function manifestHere(user: Workplace): Promise<Manifest> {
  const shown = manifestShape.parse(JSON.parse((await user.run(['config', 'show', '--json'])).stdout));
  if (!shown.ok) throw new Error(shown.issues[0]?.message);
  return shown.value;
}
