/**
 * `vitrine run`: hosts an MCP server. Without a TEE at hand that is the simulator, on loopback, marked as such.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { isIP } from 'node:net';
import { dirname, join, resolve } from 'node:path';

import { manifestDigest, type ReferenceValues, UsageError } from '@vitrine/documents';
import {
  CONFIGURATION_NAME,
  createGateway,
  type ReadConfiguration,
  type Resolved,
  type RunFlags,
  type RunningEnclave,
  readConfiguration,
  resolveManifest,
  type Settings,
  settingsOf,
  startEnclave,
} from '@vitrine/enclave';
import { openSimulator } from '@vitrine/simulator';
import { type Arguments, type Command, parseArguments } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { firstScreen, type Hosted } from '../first-screen.ts';
import { userHome } from '../home.ts';
import { clean, terminalOf } from '../terminal.ts';
import { VERSION } from '../version.ts';

const help = `vitrine run [npm:<package>@<version> | path:<folder>] [-- arguments]: host an MCP server.

Examples
  vitrine run npm:@modelcontextprotocol/server-everything@2026.8.31
  vitrine run npm:@modelcontextprotocol/server-filesystem@2026.8.31 -- /srv/files
  vitrine run path:./my-server
  vitrine run -- python3 my_server.py        (its code is shown as not measured)
  vitrine run                                (as vitrine.yaml says)

A range or a tag is resolved once, shown, and written to vitrine.lock. Install scripts never run.

  --config FILE       configuration (default: vitrine.yaml here, if there is one)
  --platform NAME     simulator (the default: a constant, never a fallback) or auto
  --listen HOST:PORT  address (default: 127.0.0.1:8443); port 0 takes a free one
  --name NAME         what the manifest calls this server
  --bin NAME          which program of a package with several
  --entry FILE        which file of a folder starts the server
  --env NAME=VALUE    environment of the server, public like the whole manifest; may be repeated
  --json              one object on stdout when the server is ready

A flag that contradicts the configuration is an error. Ctrl-C stops: running calls may finish; a second
Ctrl-C ends at once.

Exit codes: 0 stopped; 1 the code is not what vitrine.lock says; 2 wrong usage or configuration; 3 the
package registry could not be asked; 6 the hosted server failed.
`;

const OPTIONS = {
  config: { type: 'string' },
  platform: { type: 'string' },
  listen: { type: 'string' },
  name: { type: 'string' },
  bin: { type: 'string' },
  entry: { type: 'string' },
  env: { type: 'string', multiple: true },
  json: { type: 'boolean' },
} as const;

/** How long running calls may take after the first Ctrl-C. */
const GRACE_MS = 10_000;

export const run: Command = { name: 'run', summary: 'Host an MCP server, here in the simulator', help, run: host };

async function host(args: readonly string[]): Promise<number> {
  const parsed = parseArguments(args, OPTIONS);
  const { values } = parsed;
  requireSimulator(values.platform);
  const read = await configurationOf(values.config);
  const settings = settingsOf(read, flagsOf(parsed));
  requireLoopback(settings.listen.host);

  const home = userHome();
  const progress = (text: string): void => {
    process.stderr.write(`vitrine: ${clean(text)}\n`);
  };
  const resolved = await resolveManifest({
    settings,
    directory: read === undefined ? process.cwd() : dirname(resolve(read.file)),
    lockExactVersions: read !== undefined,
    currentDirectory: process.cwd(),
    stateDirectory: home,
    versions: { vitrine: VERSION, node: process.versions.node },
    environment: process.env,
    onProgress: progress,
  });
  return serve(settings, resolved, home, values.json === true);
}

async function serve(settings: Settings, { manifest, launch }: Resolved, home: string, json: boolean): Promise<number> {
  const now = (): Date => new Date();
  const simulator = await openSimulator({ directory: join(home, 'simulator'), now, release: VERSION });
  const digest = await manifestDigest(manifest);
  const enclave = await startEnclave({
    manifest,
    launch,
    source: simulator.launch(digest),
    listen: settings.listen,
    gateway: createGateway,
    onServerLog: (line) => process.stderr.write(`server: ${clean(line)}\n`),
    now,
    randomBytes: (length) => randomBytes(length),
  });
  const stopped = stopOnSignals(enclave);
  const started = await Promise.race([enclave.ready.then(() => true), stopped.then(() => false)]);
  if (!started) return EXIT.done;

  const referenceValues = writeReferenceValues(home, manifest.name, digest, simulator.referenceValues(digest));
  const hosted: Hosted = { url: enclave.url, manifest, manifestDigest: digest, referenceValues };
  process.stdout.write(firstScreen(hosted, json, terminalOf(process.stdout)));
  const failure = await Promise.race([enclave.failed, stopped]);
  if (failure !== undefined) throw failure;
  process.stderr.write('vitrine: stopped\n');
  return EXIT.done;
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

function flagsOf({ values, positionals, rest }: Arguments<typeof OPTIONS>): RunFlags {
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
    ...(values.env === undefined ? {} : { environment: Object.fromEntries(values.env.map(parseVariable)) }),
    ...listen,
  };
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

function parseVariable(text: string): readonly [string, string] {
  const match = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(text);
  if (match === null)
    throw new UsageError('usage.env', `--env: expected NAME=VALUE, found ${JSON.stringify(text.split('=')[0])}`);
  return [match[1] ?? '', match[2] ?? ''];
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

function requireLoopback(hostName: string): void {
  const loopback =
    hostName === 'localhost' || hostName === '::1' || (isIP(hostName) === 4 && hostName.startsWith('127.'));
  if (loopback) return;
  throw new UsageError(
    'platform.loopback',
    `the simulator listens on loopback only, since it protects nothing: expected 127.0.0.1, ::1 or localhost, found ${JSON.stringify(hostName)}`,
  );
}

async function configurationOf(file: string | undefined): Promise<ReadConfiguration | undefined> {
  if (file !== undefined) return { file, configuration: await readConfiguration(file) };
  const found = await access(CONFIGURATION_NAME).then(
    () => true,
    () => false,
  );
  return found ? { file: CONFIGURATION_NAME, configuration: await readConfiguration(CONFIGURATION_NAME) } : undefined;
}
