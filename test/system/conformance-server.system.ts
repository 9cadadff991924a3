/**
 * The server scenarios of the protocol's conformance suite against servers of both eras behind Vitrine:
 * `vitrine run` hosts the fixture, `vitrine proxy` verifies it and offers it to the suite, which speaks plain HTTP.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';
import { afterAll, beforeAll, expect } from 'vitest';
import { installedPeers } from '../../tools/peers.ts';
import { promise } from '../promises.ts';
import { VITRINE, type Workplace, workplace } from '../support/cli.ts';
import { forwardWithToken } from '../support/token-forwarder.ts';

const FIXTURE = fileURLToPath(new URL('../fixtures/everything/', import.meta.url));
const SCENARIO_MS = 60_000;

type Revision = '2025-11-25' | '2026-07-28';

const SCORED: Readonly<Record<Revision, number>> = { '2025-11-25': 30, '2026-07-28': 37 };

/**
 * What a server of 2025-11-25 alone cannot give a client of 2026-07-28: a question has no name of the server's
 * choice in the old era, and this scenario asks for one.
 */
const NOT_IN_THE_OLD_ERA: readonly string[] = ['input-required-result-basic-elicitation'];

let suite: string;
let place: Workplace;
let fixture: string;
beforeAll(async () => {
  suite = join(await installedPeers(), 'node_modules', '@modelcontextprotocol', 'conformance', 'dist', 'index.js');
  place = workplace();
  fixture = join(place.directory, 'everything');
  // In one file, because nothing beside its own folder is there for a server in the sandbox.
  await build({
    input: join(FIXTURE, 'server.mjs'),
    platform: 'node',
    logLevel: 'silent',
    output: { file: join(fixture, 'server.mjs'), format: 'esm', codeSplitting: false },
  });
  await copyFile(join(FIXTURE, 'package.json'), join(fixture, 'package.json'));
});
afterAll(() => place.dispose());

for (const { what, flags, missing } of [
  { what: 'a stdio server of both eras', flags: [], missing: [] },
  { what: 'a stdio server that is only of 2025-11-25', flags: ['--legacy'], missing: NOT_IN_THE_OLD_ERA },
  { what: 'a stdio server that is only of 2026-07-28', flags: ['--modern'], missing: [] },
] as const) {
  for (const revision of ['2025-11-25', '2026-07-28'] as const) {
    const lost = revision === '2026-07-28' ? missing : [];
    promise('P8', `${what} passes ${SCORED[revision] - lost.length} scored scenarios of ${revision}`, async () => {
      const { scored, failed, output } = await throughVitrine(flags, revision);
      expect(failed, output).toEqual(lost);
      expect(scored, output).toBe(SCORED[revision]);
    });
  }
}

interface Outcome {
  /** How many scenarios count. */
  readonly scored: number;
  /** Those of them that failed. */
  readonly failed: readonly string[];
  readonly output: string;
}

async function throughVitrine(flags: readonly string[], revision: Revision): Promise<Outcome> {
  const hosted = await place.start([`path:${fixture}`, '--', ...flags]);
  const proxy = await startProxy(hosted.ready.url, hosted.ready.referenceValues);
  const forwarder = await forwardWithToken(new URL(proxy.url), proxy.token);
  try {
    return await runSuite(forwarder.url, revision);
  } finally {
    await forwarder.close();
    await proxy.stop();
    await hosted.stop();
  }
}

interface Proxy {
  readonly url: string;
  readonly token: string;
  stop(): Promise<void>;
}

async function startProxy(url: string, referenceValues: string): Promise<Proxy> {
  const policy = join(place.directory, 'policy.json');
  writeFileSync(policy, JSON.stringify({ type: 'vitrine/appraisal-policy/v1', extends: 'default' }));
  const trust = ['--policy', policy, '--reference', referenceValues, '--allow-simulator'];
  const child = spawn(VITRINE[0], [...VITRINE.slice(1), 'proxy', url, '--listen', '127.0.0.1:0', '--json', ...trust], {
    cwd: place.directory,
    env: place.environment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const started: unknown = JSON.parse(await firstLine(child));
  const { url: local, token } = started as { readonly url: string; readonly token: string };
  return {
    url: local,
    token,
    async stop() {
      const closed = once(child, 'close');
      child.kill('SIGINT');
      await closed;
    },
  };
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no output to read');
  for await (const line of createInterface({ input: child.stdout })) return line;
  throw new Error('the proxy ended before it had started');
}

async function runSuite(url: string, revision: Revision): Promise<Outcome> {
  const child = spawn(
    process.execPath,
    [suite, 'server', '--url', url, '--requirements', revision, '--timeout', String(SCENARIO_MS)],
    { cwd: place.directory, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const ended = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await ended;
  const output = `${stderr}${stdout}`;
  const names = (pattern: RegExp): string[] => [...output.matchAll(pattern)].map(([, name]) => name ?? '');
  const ran = names(/^[✓✗] (\S+): \d+ passed/gmu);
  // The suite repeats those that do not count, indented and with the reason.
  const notScored = new Set(names(/^ {2}[✓✗] (\S+) \(/gmu));
  const failed = names(/^✗ (\S+): \d+ passed/gmu).filter((name) => !notScored.has(name));
  return { scored: ran.filter((name) => !notScored.has(name)).length, failed, output };
}
