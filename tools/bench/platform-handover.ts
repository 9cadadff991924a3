/**
 * A root of keys from one enclave to its equal: two key services in processes of their own, started as `vitrine run`
 * starts them, on machines of one simulator with different secrets, and the giver's front door between them.
 *
 * The clock runs from the receiver's first message to the answer of its start: by then it has judged the giver, adopted
 * the root, wrapped it on disk and opened its keys and its store.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInstanceIdentity } from '@vitrine/attester';
import type { Manifest } from '@vitrine/documents';
import { usableBubblewrap } from '@vitrine/enclave';
import type { SpawnedKeyService } from '@vitrine/keys/client';
import { handoverWay } from '../../packages/cli/src/handover.ts';
import { type StartKeyd, startKeyd } from '../../packages/cli/src/start-keyd.ts';
import { type FrontDoor, openFrontDoor } from '../../packages/enclave/src/front-door/front-door.ts';
import { createAuthenticator } from '../../packages/enclave/src/guard/authenticate.ts';
import { manifestOf } from './keys-policy.ts';
import { inRounds, type Rounds } from './platform-rounds.ts';
import type { Figure } from './statistics.ts';

/** With the first, two messages each: what the door admits in a burst. */
const ROUNDS: Rounds = { warmUp: 1, most: 7, budget: 20_000 };
const SIMULATOR_FILES = ['simulator-keys.json', 'root.pem'];
const NO_NETWORK = { fetch: () => Promise.reject(new Error('there is no network here')), now: () => new Date() };

const MANIFEST: Manifest = {
  ...manifestOf('derived'),
  server: {
    source: { kind: 'path', tree: '0'.repeat(96), entry: 'server.js' },
    args: [],
    environment: {},
    transport: 'stdio',
  },
  store: 'sealed',
  handover: { to: ['equal'], platforms: 'any' },
};

type Way = Pick<StartKeyd, 'genesis' | 'handover'>;

async function startOn(home: string, way: Way): Promise<SpawnedKeyService> {
  return startKeyd({
    manifest: MANIFEST,
    home,
    platform: { name: 'simulator', roots: [{ kind: 'simulator' }] },
    denyLists: [],
    bubblewrap: await usableBubblewrap(process.env),
    ...way,
  });
}

async function doorOf(giver: SpawnedKeyService): Promise<FrontDoor> {
  const { handover } = giver;
  if (handover === undefined) throw new Error('the key service hands nothing over');
  const identity = createInstanceIdentity(new Date());
  const sandbox = { process: 'none', seccomp: false, cgroup: false, volume: 'directory' } as const;
  return openFrontDoor({
    identity,
    evidence: await giver.bind({ tlsSpki: identity.spkiSha256, sandbox }),
    listen: { host: '127.0.0.1', port: 0, publicHosts: [] },
    auth: { settings: { kind: 'none' }, authenticator: createAuthenticator({ kind: 'none' }, NO_NETWORK) },
    handover: { answer: (message) => handover.answer(message) },
    handle: async (_request, response) => void response.writeHead(404).end(),
    state: () => 'ready',
    now: () => performance.now(),
  });
}

/** Milliseconds. */
async function receive(home: string, url: string, root: string): Promise<number> {
  const way = handoverWay({ 'handover-from': url, 'expect-root': root }, home);
  if (way === undefined) throw new Error('there is no way to the giver');
  let first: number | undefined;
  const exchange: typeof way.exchange = (message) => {
    first ??= performance.now();
    return way.exchange(message);
  };
  const receiver = await startOn(home, { genesis: false, handover: { ...way, exchange } });
  const ms = performance.now() - (first ?? Number.NaN);
  await receiver.close();
  if (receiver.appRoot?.id !== root) throw new Error('another root was adopted');
  return ms;
}

export async function benchHandover(): Promise<readonly Figure[]> {
  const base = mkdtempSync(join(tmpdir(), 'vitrine-bench-'));
  const home = join(base, 'giver');
  const ends: (() => Promise<void>)[] = [];
  try {
    const giver = await startOn(home, { genesis: true });
    ends.push(() => giver.close());
    const door = await doorOf(giver);
    ends.push(() => door.close());
    const samples: number[] = [];
    await inRounds(ROUNDS, async (counts) => {
      const receiver = join(base, randomBytes(4).toString('hex'));
      const simulator = join(receiver, 'simulator');
      mkdirSync(simulator, { recursive: true });
      for (const name of SIMULATOR_FILES) cpSync(join(home, 'simulator', name), join(simulator, name));
      const ms = await receive(receiver, door.url, giver.appRoot?.id ?? '');
      if (counts) samples.push(ms);
    });
    return [
      {
        name: 'hand-over of the root to an equal, from the first message to the root adopted',
        samples,
        unit: 'ms',
        target: 'under 1 s',
      },
    ];
  } finally {
    for (const end of ends.reverse()) await end();
    rmSync(base, { recursive: true, force: true });
  }
}
