/** Servers that misbehave, as real processes, without a sandbox and in one. */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, onTestFinished } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { chooseHousing } from '../housing/choose-housing.ts';
import type { Housing } from '../housing/housing.ts';
import { MANIFEST } from '../testing/open-door.ts';
import type { GatewayLimits } from './limits.ts';
import {
  isGone,
  launchOf,
  modernRequest,
  plainHousing,
  post,
  type Served,
  said,
  serveIn,
  textOf,
  until,
} from './testing/served.ts';

const SERVER = 'misbehaving-server.mjs';
const noSandbox = existsSync('/usr/bin/bwrap') ? false : 'bubblewrap is not installed';

async function scratch(): Promise<string> {
  const made = await mkdtemp(path.join(tmpdir(), 'vitrine-misconduct-'));
  onTestFinished(() => rm(made, { recursive: true, force: true }));
  return made;
}

async function sandbox(args: readonly string[] = []): Promise<Housing> {
  const base = await scratch();
  const { cwd, args: own, command } = launchOf(SERVER, args);
  const { housing } = await chooseHousing({
    template: { command, args: own, environment: {}, readable: [cwd, command] },
    manifest: { ...MANIFEST, sandbox: 'bwrap' },
    sandbox: 'best',
    dataDirectory: path.join(base, 'data'),
    runDirectory: path.join(base, 'run'),
    platform: process.platform,
    architecture: process.arch,
    node: process.execPath,
    environment: { PATH: '/usr/bin:/bin' },
    resolve: async () => [],
    keys: { volumeKey: async () => new Uint8Array(32), credential: async () => undefined },
    onLog: () => undefined,
  });
  return housing;
}

type Serve = (limits?: Partial<GatewayLimits>) => Promise<Served>;

const homes: readonly { readonly home: string; readonly missing: string | false; readonly serve: Serve }[] = [
  {
    home: 'without a sandbox',
    missing: false,
    serve: async (limits) => serveIn(plainHousing(launchOf(SERVER)), limits),
  },
  { home: 'in a sandbox', missing: noSandbox, serve: async (limits) => serveIn(await sandbox(), limits) },
];

/** What each tool does, and what its caller is told. */
const offences: readonly (readonly [tool: string, what: string, told: RegExp, limits: Partial<GatewayLimits>])[] = [
  ['garbage', 'prints garbage', /more than 1048576 bytes in a minute that are not JSON-RPC/, {}],
  ['plain-endless-line', 'prints a line without end', /exceeded 1048576 bytes/, {}],
  ['json-endless-line', 'sends a message without end', /exceeded 1000000 bytes/, { messageBytes: 1_000_000 }],
  ['message-flood', 'floods with notifications', /more than 300000 messages in a minute that answer nothing/, {}],
  ['answer-flood', 'floods with answers to nothing', /messages in a minute that answer nothing/, {}],
  ['error-flood', 'floods standard error', /more than 67108864 bytes to standard error/, {}],
  ['error-endless-line', 'floods standard error without a line ending', /bytes to standard error/, {}],
  ['close-output', 'closes its output', /closed its standard input or output/, {}],
];

for (const { home, missing, serve } of homes) {
  describe(home, () => {
    for (const [tool, what, told, limits] of offences) {
      // Bubblewrap keeps the output open beside the server, so there nobody can see it closed.
      if (tool === 'close-output' && home === 'in a sandbox') continue;
      promise.unless(
        missing,
        'P8',
        `a server that ${what} is ended, its caller is told, and another serves`,
        async () => {
          const served = await serve(limits);
          const client = await served.modernClient();
          const before = textOf(await client.callTool({ name: 'pid', arguments: {} }));
          await expect(client.callTool({ name: tool, arguments: {} })).rejects.toThrow(told);
          const after = textOf(await client.callTool({ name: 'pid', arguments: {} }));
          // In a sandbox every server has the same number.
          if (home === 'without a sandbox') {
            expect(after).not.toBe(before);
            expect(isGone(Number(before))).toBe(true);
          }
          expect(served.log).toContainEqual(expect.stringMatching(/^gateway: a server process was ended because/));
        },
      );
    }

    promise.unless(missing, 'P8', 'a server that does not read its input is ended when too much waits', async () => {
      const served = await serve({ inputBytes: 1 << 20 });
      const client = await served.modernClient();
      const deaf = client.callTool({ name: 'deaf', arguments: {} });
      await said(served, 'deaf');
      const padding = 'x'.repeat(1 << 19);
      // Those that come after its end reach another server.
      const others = Array.from({ length: 4 }, () => client.callTool({ name: 'pid', arguments: { padding } }));
      const told = /more than 1048576 bytes of its input unread/;
      await expect(deaf).rejects.toThrow(told);
      const refused = (await Promise.allSettled(others)).filter(({ status }) => status === 'rejected');
      expect(refused.length).toBeGreaterThan(1);
      for (const one of refused) expect(String((one as PromiseRejectedResult).reason)).toMatch(told);
    });

    promise.unless(missing, 'P8', 'a server that reads nothing for too long is ended', async () => {
      const served = await serve({ inputStallMs: 100 });
      const client = await served.modernClient();
      const padding = 'x'.repeat(1 << 20);
      const deaf = client.callTool({ name: 'deaf', arguments: {} });
      await said(served, 'deaf');
      const outcomes = await Promise.allSettled([deaf, client.callTool({ name: 'pid', arguments: { padding } })]);
      for (const outcome of outcomes) {
        expect(String((outcome as PromiseRejectedResult).reason)).toMatch(/read nothing of its input for 100 ms/);
      }
    });

    promise.unless(missing, 'P8', 'a server that ignores SIGTERM, and its helper, are gone after close', async () => {
      const served = await serve();
      const client = await served.modernClient();
      await client.callTool({ name: 'stubborn', arguments: {} });
      const pids = [
        Number(textOf(await client.callTool({ name: 'pid', arguments: {} }))),
        Number(textOf(await client.callTool({ name: 'helper', arguments: {} }))),
      ];
      await served.gateway.close(0);
      if (home === 'without a sandbox') await until(() => pids.every(isGone));
    });
  });
}

promise.unless(noSandbox, 'P8', 'what a server left behind as a daemon ends with its sandbox', async () => {
  const housing = await sandbox(['/data/daemon']);
  const served = await serveIn(housing);
  const client = await served.modernClient();
  const before = await daemons();
  await client.callTool({ name: 'daemon', arguments: {} });
  const during = await daemons();
  await expect(client.callTool({ name: 'die', arguments: {} })).rejects.toThrow(/exited with code 7/);
  const made = during.filter((pid) => !before.includes(pid));
  expect(made.length).toBeGreaterThan(0);
  await until(() => made.every(isGone));
  await served.gateway.close(0);
});

/** Processes of this machine that were started as the daemon of the test server. */
async function daemons(): Promise<readonly number[]> {
  const found: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const words = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
    if (words.includes('/data/daemon')) found.push(Number(entry));
  }
  return found;
}

promise('P8', 'lines of standard error beyond the limit are counted instead of logged', async () => {
  const served = await serveIn(plainHousing(launchOf(SERVER)), { logBytesPerSecond: 1_000 });
  const client = await served.modernClient();
  await client.callTool({ name: 'some-errors', arguments: {} });
  await served.gateway.close(0);
  expect(served.log.filter((line) => line.startsWith('eee'))).toHaveLength(10);
  expect(served.log).toContain('40 lines were left out here: the server writes too fast');
});

promise(
  'P8',
  'a server that ends again and again is started more and more seldom, and callers are told when',
  async () => {
    const served = await serveIn(plainHousing(launchOf(SERVER)));
    const die = modernRequest(1, 'tools/call', { name: 'die', arguments: {} });
    const first = await post(served.url, die.body, die.headers);
    expect(first.body).toContain('exited with code 7');
    const second = await post(served.url, die.body, die.headers);
    expect(second.body).toContain('exited with code 7');
    await until(
      () => served.log.filter((line) => line === 'gateway: a server process exited with code 7').length === 2,
    );
    const third = await post(served.url, die.body, die.headers);
    expect([third.status, third.headers.get('retry-after')]).toEqual([503, '1']);
    expect(JSON.parse(third.body)).toMatchObject({ id: 1, error: { code: -32603 } });
    expect(third.body).toContain('ended by itself repeatedly');
  },
);
