/**
 * From the start of a server process to its first answer: in a sandbox, and without one. The server is a
 * Node process that does nothing else, so that what differs is the sandbox.
 *
 * @module
 */
import { once } from 'node:events';
import { join } from 'node:path';
import type { Manifest } from '@vitrine/documents';
import { chooseHousing, type Housing, type HousingRequest } from '@vitrine/enclave';
import type { Installation } from '../packed.ts';
import { type Figure, timed } from './statistics.ts';

const RUNS = 21;
const ANSWERS = 'process.stdin.once("data", (question) => process.stdout.write(question, () => process.exit()))';
const MANIFEST: Manifest = {
  type: 'vitrine/manifest/v1',
  number: 1,
  name: 'bench',
  server: { source: { kind: 'command', command: 'node' }, args: [], environment: {}, transport: 'stdio' },
  sandbox: 'none',
  runtime: { vitrine: '0', node: '0' },
};

export async function benchSandbox({ directory }: Installation): Promise<readonly Figure[]> {
  const request: HousingRequest = {
    template: { command: process.execPath, args: ['-e', ANSWERS], environment: {}, readable: [process.execPath] },
    manifest: MANIFEST,
    sandbox: 'best',
    dataDirectory: join(directory, 'data'),
    runDirectory: join(directory, 'run'),
    platform: process.platform,
    architecture: process.arch,
    node: process.execPath,
    environment: process.env,
    resolve: () => Promise.reject(new Error('nothing is looked up here')),
    keys: { volumeKey: () => Promise.reject(new Error('no volume is opened here')), credential: async () => undefined },
    onLog: () => undefined,
  };
  const bare = await chooseHousing({ ...request, sandbox: 'none' });
  const housed = await chooseHousing(request);
  const without: number[] = [];
  const within: number[] = [];
  try {
    // All in turn, and the first of each is not counted: it finds cold caches.
    for (let run = 0; run <= RUNS; run++) {
      const times = [await firstAnswer(bare.housing), await firstAnswer(housed.housing)] as const;
      if (run === 0) continue;
      without.push(times[0]);
      within.push(times[1]);
    }
  } finally {
    await bare.housing.close();
    await housed.housing.close();
  }
  const what = housed.why === undefined ? 'in a sandbox' : `in a sandbox (not to be had: ${housed.why})`;
  return [
    { name: 'start of a Node process to its first answer', samples: without, unit: 'ms', target: '' },
    { name: `… ${what}`, samples: housed.why === undefined ? within : [], unit: 'ms', target: '' },
    {
      name: '… what the sandbox adds',
      samples: housed.why === undefined ? within.map((ms, run) => ms - (without[run] ?? Number.NaN)) : [],
      unit: 'ms',
      target: 'under 150 ms',
    },
  ];
}

async function firstAnswer(housing: Housing): Promise<number> {
  let end: () => Promise<unknown> = () => Promise.resolve();
  const ms = await timed(async () => {
    const house = await housing.house('bench');
    const child = house.start();
    const ended = once(child, 'close');
    end = () => ended.then(() => house.dispose());
    child.stderr.resume();
    child.stdin.write('hello\n');
    const failed = ended.then(() => {
      throw new Error('the process ended without an answer');
    });
    await Promise.race([once(child.stdout, 'data'), failed]);
    child.stdout.resume();
  });
  await end();
  return ms;
}
