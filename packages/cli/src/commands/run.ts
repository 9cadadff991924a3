/**
 * `vitrine run`: hosts an MCP server. Without a TEE at hand that is the simulator, on loopback, marked as such.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { mkdirSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import {
  type Manifest,
  manifestDigest,
  parseDocument,
  type ReferenceValues,
  type Release,
  releaseShape,
  UsageError,
} from '@vitrine/documents';
import {
  chooseHousing,
  createGateway,
  type Resolved,
  type RunFlags,
  type RunningEnclave,
  type Settings,
  settingsOf,
  startEnclave,
  usableBubblewrap,
} from '@vitrine/enclave';
import type { SpawnedKeyService } from '@vitrine/keys/client';
import { simulatedReferenceValues } from '@vitrine/simulator';
import { type Arguments, parseArguments } from '../command.ts';
import { findConfiguration, resolveHere } from '../configuration.ts';
import { environmentOf } from '../environment-flag.ts';
import { EXIT } from '../exit-code.ts';
import { firstScreen, type Hosted } from '../first-screen.ts';
import { userHome } from '../home.ts';
import { readText } from '../inputs.ts';
import { runSpec } from '../specs/run.ts';
import { SIGNER_PROGRAM, startKeyd } from '../start-keyd.ts';
import { clean, terminalOf } from '../terminal.ts';
import { VERSION } from '../version.ts';

/** How long running calls may take after the first Ctrl-C. */
const GRACE_MS = 10_000;

/** A server that does not start often wants what a sandbox does not give. */
const SANDBOX_HINT =
  'vitrine: it ran in a sandbox: its own code and /usr read-only, /data and /tmp\n  writable, no network but --egress HOST:PORT; --sandbox none runs it without\n';

export async function runRun(args: readonly string[]): Promise<number> {
  const parsed = parseArguments(args, runSpec.options);
  const { values } = parsed;
  requireSimulator(values.platform);
  const read = await findConfiguration(values.config);
  const settings = settingsOf(read, flagsOf(parsed));
  requireLoopback(settings.listen.host);
  const metrics = values.metrics === undefined ? undefined : metricsPort(values.metrics);
  const release =
    values.release === undefined ? undefined : parseDocument(readText(values.release), releaseShape, values.release);

  const home = userHome();
  const resolved = await resolveHere({
    settings,
    lock: read !== undefined,
    ...(read === undefined ? {} : { file: read.file }),
  });
  return serve(settings, resolved, home, { ...values, metrics, release });
}

type Values = Omit<Arguments<typeof runSpec.options>['values'], 'metrics' | 'release'> & {
  readonly metrics: number | undefined;
  readonly release: Release | undefined;
};

async function serve(settings: Settings, resolved: Resolved, home: string, values: Values): Promise<number> {
  const { manifest } = resolved;
  requireEnforced(manifest);
  const keys = await startKeyd({
    manifest,
    home,
    genesis: values.genesis === true,
    ...(values.release === undefined ? {} : { release: values.release }),
    bubblewrap: await usableBubblewrap(process.env),
  });
  try {
    return await host(settings, resolved, home, values, keys);
  } finally {
    await keys.close();
  }
}

async function host(
  settings: Settings,
  resolved: Resolved,
  home: string,
  values: Values,
  keys: SpawnedKeyService,
): Promise<number> {
  const { manifest } = resolved;
  const { housing, why } = await chooseHousing({
    template: resolved.template,
    manifest,
    sandbox: settings.housing,
    dataDirectory: resolved.dataDirectory,
    runDirectory: join(tmpdir(), `vitrine-${process.pid}`),
    platform: process.platform,
    architecture: process.arch,
    node: process.execPath,
    environment: process.env,
    resolve: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
    keys,
    signerProgram: SIGNER_PROGRAM,
    onLog: (line) => process.stderr.write(`vitrine: ${clean(line)}\n`),
  });
  const digest = await manifestDigest(manifest);
  const enclave = await startEnclave({
    manifest,
    housing,
    fetch: (url, options) => fetch(url, options),
    keys,
    listen: settings.listen,
    gateway: createGateway,
    ...(values.metrics === undefined ? {} : { metrics: values.metrics }),
    ...(values['log-json'] === true ? { onLog: (line: string) => process.stderr.write(line) } : {}),
    onServerLog: (line) => process.stderr.write(`server: ${clean(line)}\n`),
    now: () => new Date(),
    randomBytes: (length) => randomBytes(length),
  });
  const stopped = stopOnSignals(enclave);
  const ready = enclave.ready.catch((failure: unknown) => {
    if (housing.obtained.process === 'bwrap') process.stderr.write(SANDBOX_HINT);
    throw failure;
  });
  const started = await Promise.race([ready.then(() => true), stopped.then(() => false)]);
  if (!started) return EXIT.done;

  const referenceValues = writeReferenceValues(home, manifest.name, digest, simulatedReferenceValues(VERSION, digest));
  const hosted: Hosted = {
    url: enclave.url,
    manifest,
    manifestDigest: digest,
    sandbox: { obtained: housing.obtained, ...(why === undefined ? {} : { why }) },
    referenceValues,
    keys: { isolation: keys.obtained, ...(keys.appRoot === undefined ? {} : { appRoot: keys.appRoot }) },
  };
  process.stdout.write(firstScreen(hosted, values.json === true, terminalOf(process.stdout)));
  if (enclave.metricsUrl !== undefined) process.stderr.write(`vitrine: metrics at ${enclave.metricsUrl}\n`);
  const failure = await Promise.race([enclave.failed, stopped]);
  if (failure !== undefined) throw failure;
  process.stderr.write('vitrine: stopped\n');
  return EXIT.done;
}

function metricsPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65535) return port;
  throw new UsageError(
    'usage.port',
    `--metrics: expected a port from 0 (any free one) to 65535, found ${JSON.stringify(text)}`,
  );
}

/** Resolves when the user stopped the enclave. The first signal lets running calls finish, the second does not. */
function stopOnSignals(enclave: RunningEnclave): Promise<undefined> {
  return new Promise((done, failed) => {
    let asked = false;
    const stop = (): void => {
      if (asked) process.exit(EXIT.done);
      asked = true;
      process.stderr.write('vitrine: stopping; running calls may finish (Ctrl-C again ends at once)\n');
      enclave.stop(GRACE_MS).then(() => done(undefined), failed);
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
    process.on('SIGHUP', stop);
  });
}

function writeReferenceValues(home: string, name: string, digest: string, values: ReferenceValues): string {
  // The digest is in the name: another configuration must not silently become what an old line compares with.
  const file = join(home, 'run', name, `reference-values-${digest.slice(0, 16)}.json`);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, `${JSON.stringify(values, null, 2)}\n`);
  return file;
}

function flagsOf({ values, positionals, rest }: Arguments<typeof runSpec.options>): RunFlags {
  const [source, extra] = positionals;
  if (extra !== undefined) {
    throw new UsageError(
      'usage.extra',
      `unexpected argument ${JSON.stringify(extra)}; arguments of the server go after "--"`,
    );
  }
  const listen = values.listen === undefined ? {} : parseListen(values.listen);
  return {
    ...(source === undefined ? {} : { source }),
    ...(rest === undefined ? {} : source === undefined ? { command: rest } : { args: rest }),
    ...(values.bin === undefined ? {} : { bin: values.bin }),
    ...(values.entry === undefined ? {} : { entry: values.entry }),
    ...(values.name === undefined ? {} : { name: values.name }),
    ...(values.env === undefined ? {} : { environment: environmentOf(values.env) }),
    ...(values.sandbox === undefined ? {} : { sandbox: sandboxOf(values.sandbox) }),
    ...(values.egress === undefined ? {} : { egress: values.egress }),
    ...(values['http-port'] === undefined ? {} : { transport: 'http', httpPort: portOf(values['http-port']) }),
    ...listen,
  };
}

function sandboxOf(text: string): 'none' | 'bwrap' {
  if (text === 'none' || text === 'bwrap') return text;
  throw new UsageError('usage.sandbox', `--sandbox: expected bwrap or none, found ${JSON.stringify(text)}`);
}

function portOf(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw new UsageError('usage.port', `--http-port: expected 1 to 65535, found ${JSON.stringify(text)}`);
}

function parseListen(text: string): { readonly host: string; readonly port: number } {
  const match = /^(\[[0-9a-fA-F:]+\]|[^:]+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535)
    throw new UsageError(
      'usage.listen',
      `--listen: expected HOST:PORT such as 127.0.0.1:8443, found ${JSON.stringify(text)}`,
    );
  return { host: (match[1] ?? '').replace(/^\[|\]$/g, ''), port };
}

function requireSimulator(platform: string | undefined): void {
  if (platform === undefined || platform === 'simulator') return;
  if (platform === 'auto') {
    throw new UsageError(
      'platform.none',
      'no TEE was found on this machine; --platform simulator (the default) runs without one, and says so',
    );
  }
  throw new UsageError('platform.unknown', `--platform: expected simulator or auto, found ${JSON.stringify(platform)}`);
}

/** What nothing enforces must not be promised. */
function requireEnforced({ clients }: Manifest): void {
  if (clients === undefined) return;
  throw new UsageError(
    'config.clients',
    'clients: attested cannot be enforced by this version, which asks no client for evidence; leave it out',
  );
}

function requireLoopback(hostName: string): void {
  const loopback =
    hostName === 'localhost' || hostName === '::1' || (isIP(hostName) === 4 && hostName.startsWith('127.'));
  if (loopback) return;
  throw new UsageError(
    'platform.loopback',
    `the simulator listens on loopback only, since it protects nothing: expected 127.0.0.1, ::1 or localhost, found ${JSON.stringify(hostName)}`,
  );
}
