/**
 * The server scenarios of the protocol's conformance suite against servers of both eras behind Vitrine:
 * `vitrine run` hosts the fixture, `vitrine proxy` verifies it and offers it to the suite, which speaks plain HTTP.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';
import { afterAll, beforeAll, expect } from 'vitest';
import { installedPeers } from '../../tools/peers.ts';
import { promise } from '../promises.ts';
import { VITRINE, type Workplace, workplace } from '../support/cli.ts';
import { createTokenForwarder } from '../support/token-forwarder.ts';

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

const HTTP_PORT = 3000;

for (const { what, server, missing } of [
  { what: 'a stdio server of both eras', server: {}, missing: [] },
  { what: 'a stdio server that is only of 2025-11-25', server: { args: ['--legacy'] }, missing: NOT_IN_THE_OLD_ERA },
  { what: 'a stdio server that is only of 2026-07-28', server: { args: ['--modern'] }, missing: [] },
  {
    what: 'a loopback HTTP server of both eras',
    server: { args: ['--http', String(HTTP_PORT)], transport: 'http', port: HTTP_PORT },
    missing: [],
  },
] as const) {
  for (const revision of ['2025-11-25', '2026-07-28'] as const) {
    const lost = revision === '2026-07-28' ? missing : [];
    promise('P8', `${what} passes ${SCORED[revision] - lost.length} scored scenarios of ${revision}`, async () => {
      const { scored, failed, why } = await throughVitrine(server, revision);
      expect(failed, why).toEqual(lost);
      expect(scored).toBe(SCORED[revision]);
    });
  }
}

interface Outcome {
  /** How many scenarios count. */
  readonly scored: number;
  /** Those of them that failed. */
  readonly failed: readonly string[];
  /** What the suite said of those. */
  readonly why: string;
}

async function throughVitrine(server: object, revision: Revision): Promise<Outcome> {
  const configuration = join(place.directory, 'vitrine.yaml');
  // JSON is YAML.
  writeFileSync(
    configuration,
    JSON.stringify({ name: 'everything', server: { source: `path:${fixture}`, ...server } }),
  );
  await rm(join(place.directory, 'vitrine.lock'), { force: true });
  const hosted = await place.start(['--config', configuration]);
  const forwarder = await createTokenForwarder();
  const proxy = await startProxy(hosted.ready.url, hosted.ready.referenceValues, forwarder.origin);
  try {
    const url = forwarder.to(new URL(proxy.url), proxy.token);
    if (revision === '2026-07-28') await warmUp(url);
    return await runSuite(url, revision);
  } finally {
    await forwarder.close();
    await proxy.stop();
    await hosted.stop();
  }
}

/**
 * The suite gives some calls half a second. For a client that declares what none has declared before a server process is
 * started first, which a busy machine does not do in that time.
 */
async function warmUp(url: string): Promise<void> {
  for (const capabilities of [{}, { elicitation: {} }]) {
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': capabilities,
    };
    const answer = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/list',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta } }),
    });
    expect(answer.status, await answer.text()).toBe(200);
  }
}

interface Proxy {
  readonly url: string;
  readonly token: string;
  stop(): Promise<void>;
}

async function startProxy(url: string, referenceValues: string, origin: string): Promise<Proxy> {
  const policy = join(place.directory, 'policy.json');
  writeFileSync(policy, JSON.stringify({ type: 'vitrine/appraisal-policy/v1', extends: 'default' }));
  const trust = ['--policy', policy, '--reference', referenceValues, '--allow-simulator', '--allow-origin', origin];
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
  const results = await mkdtemp(join(place.directory, 'results-'));
  const args = ['server', '--url', url, '--requirements', revision, '--timeout', String(SCENARIO_MS), '-o', results];
  const child = spawn(process.execPath, [suite, ...args], {
    cwd: place.directory,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = once(child, 'close');
  const output = await text(child.stdout);
  await ended;
  const names = (pattern: RegExp): string[] => [...output.matchAll(pattern)].map(([, name]) => name ?? '');
  const ran = names(/^[✓✗] (\S+): \d+ passed/gmu);
  // The suite repeats those that do not count, indented and with the reason.
  const notScored = new Set(names(/^ {2}[✓✗] (\S+) \(/gmu));
  const failed = names(/^✗ (\S+): \d+ passed/gmu).filter((name) => !notScored.has(name));
  const scored = ran.filter((name) => !notScored.has(name)).length;
  return { scored, failed, why: await reasons(results, failed) };
}

interface Check {
  readonly id: string;
  readonly status: string;
  readonly errorMessage?: string;
}

/** What the suite wrote about the scenarios that failed. */
async function reasons(results: string, failed: readonly string[]): Promise<string> {
  const folders = await readdir(results);
  const lines = failed.map(async (name) => {
    const folder = folders.find((one) => one.startsWith(`server-${name}-`)) ?? '';
    const checks = JSON.parse(await readFile(join(results, folder, 'checks.json'), 'utf8')) as readonly Check[];
    const wrong = checks.filter(({ status }) => status === 'FAILURE');
    return wrong.map(({ id, errorMessage }) => `${name}: ${id}: ${errorMessage ?? 'no reason given'}`);
  });
  return (await Promise.all(lines)).flat().join('\n');
}
