/**
 * `vitrine run`: hosts an MCP server. Without a TEE at hand that is the simulator, on loopback, marked as such.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readDenyList } from '@vitrine/client/deny-lists';
import {
  type Manifest,
  manifestDigest,
  parseDocument,
  type Release,
  releaseShape,
  UsageError,
  VitrineError,
} from '@vitrine/documents';
import {
  chooseHousing,
  createGateway,
  type Resolved,
  type RunningEnclave,
  type Settings,
  settingsOf,
  startEnclave,
  usableBubblewrap,
} from '@vitrine/enclave';
import type { SpawnedKeyService } from '@vitrine/keys/client';
import { type Arguments, parseArguments } from '../command.ts';
import { findConfiguration, resolveHere } from '../configuration.ts';
import { EXIT } from '../exit-code.ts';
import { firstScreen, type Hosted } from '../first-screen.ts';
import { endorsementsFor, type HandoverWay, handoverWay } from '../handover.ts';
import { userHome } from '../home.ts';
import { readText } from '../inputs.ts';
import { type PlatformChoice, platformChoice } from '../platform/choice.ts';
import { autoPlatform } from '../platform/detect.ts';
import { requireConfiguration, requireHostable, requireInitData, requireRoot } from '../platform/requirements.ts';
import { trustFlags } from '../platform/trust-flags.ts';
import { flagsOf, metricsPort } from '../run-flags.ts';
import { runSpec } from '../specs/run.ts';
import { SIGNER_PROGRAM, startKeyd } from '../start-keyd.ts';
import { clean, terminalOf } from '../terminal.ts';

/** How long running calls may take after the first Ctrl-C. */
const GRACE_MS = 10_000;

/** A server that does not start often wants what a sandbox does not give. */
const SANDBOX_HINT =
  'vitrine: it ran in a sandbox: its own code and /usr read-only, /data and /tmp\n  writable, no network but --egress HOST:PORT; --sandbox none runs it without\n';

/** @param keydProgram - The program of the key service, where it is not the one of this package. */
export async function runRun(args: readonly string[], keydProgram?: string): Promise<number> {
  const parsed = parseArguments(args, runSpec.options);
  const { values } = parsed;
  const platform = platformChoice(values, () => autoPlatform(existsSync));
  const home = userHome();
  const handover = handoverWay(values, home);
  const read = await findConfiguration(values.config);
  requireConfiguration(platform.name, read);
  const settings = settingsOf(read, flagsOf(parsed));
  requireHostable(platform.name, settings, read);
  requireInitData(platform);
  const metrics = values.metrics === undefined ? undefined : metricsPort(values.metrics);
  const release =
    values.release === undefined ? undefined : parseDocument(readText(values.release), releaseShape, values.release);

  const resolved = await resolveHere({
    settings,
    lock: read !== undefined,
    ...(read === undefined ? {} : { file: read.file }),
  });
  requireRoot(platform, resolved.manifest, values.genesis === true || handover !== undefined);
  const plan = { settings, resolved, home, values: { ...values, metrics, release }, platform };
  return serve({ ...plan, ...(handover === undefined ? {} : { handover }) }, keydProgram);
}

type Values = Omit<Arguments<typeof runSpec.options>['values'], 'metrics' | 'release'> & {
  readonly metrics: number | undefined;
  readonly release: Release | undefined;
};

interface Plan {
  readonly settings: Settings;
  readonly resolved: Resolved;
  readonly home: string;
  readonly values: Values;
  readonly platform: PlatformChoice;
  readonly handover?: HandoverWay;
}

async function serve(plan: Plan, keydProgram: string | undefined): Promise<number> {
  const { resolved, home, values, platform, handover } = plan;
  const { manifest } = resolved;
  requireEnforced(manifest);
  const keys = await startKeyd({
    manifest,
    home,
    platform,
    ...(keydProgram === undefined ? {} : { program: keydProgram }),
    genesis: values.genesis === true,
    ...(values.release === undefined ? {} : { release: values.release }),
    ...(handover === undefined ? {} : { handover }),
    denyLists: await Promise.all((values['deny-list'] ?? []).map(readDenyList)),
    bubblewrap: await usableBubblewrap(process.env),
  });
  try {
    return await host(plan, keys);
  } finally {
    await keys.close();
  }
}

async function host(plan: Plan, keys: SpawnedKeyService): Promise<number> {
  const { settings, resolved, home, values } = plan;
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
  const enclave = await startEnclave({
    manifest,
    housing,
    fetch: (url, options) => fetch(url, options),
    keys,
    listen: settings.listen,
    gateway: createGateway,
    endorsementsFor: endorsementsFor(home),
    ...(values.metrics === undefined ? {} : { metrics: values.metrics }),
    ...(values['log-json'] === true ? { onLog: (line: string) => process.stderr.write(line) } : {}),
    onServerLog: (line) => process.stderr.write(`server: ${clean(line)}\n`),
    now: () => new Date(),
    randomBytes: (length) => randomBytes(length),
  });
  try {
    return await attend(plan, keys, enclave, { obtained: housing.obtained, ...(why === undefined ? {} : { why }) });
  } catch (cause) {
    // Behind an error nothing may go on running.
    await enclave.stop(0);
    throw cause;
  }
}

/** Until the enclave ends, however that happens. */
async function attend(
  { resolved: { manifest }, home, values, platform }: Plan,
  keys: SpawnedKeyService,
  enclave: RunningEnclave,
  sandbox: Hosted['sandbox'],
): Promise<number> {
  const stopped = stopOnSignals(enclave);
  rewrapOnSignal(keys);
  const ready = enclave.ready.catch((failure: unknown) => {
    if (sandbox.obtained.process === 'bwrap') process.stderr.write(SANDBOX_HINT);
    throw failure;
  });
  const started = await Promise.race([ready.then(() => true), stopped.then(() => false)]);
  if (!started) return EXIT.done;

  const digest = await manifestDigest(manifest);
  const hosted: Hosted = {
    url: enclave.url,
    manifest,
    manifestDigest: digest,
    sandbox,
    platform: platform.name,
    trust: await trustFlags(platform.name, join(home, 'run', manifest.name), digest, enclave.evidence),
    keys: { isolation: keys.obtained, ...(keys.appRoot === undefined ? {} : { appRoot: keys.appRoot }) },
  };
  process.stdout.write(firstScreen(hosted, values.json === true, terminalOf(process.stdout)));
  if (enclave.metricsUrl !== undefined) process.stderr.write(`vitrine: metrics at ${enclave.metricsUrl}\n`);
  const failure = await Promise.race([enclave.failed, stopped]);
  if (failure !== undefined) throw failure;
  process.stderr.write('vitrine: stopped\n');
  return EXIT.done;
}

/** `kill -USR2` has the root of keys wrapped anew; Windows has no such signal. */
function rewrapOnSignal(keys: SpawnedKeyService): void {
  if (process.platform === 'win32') return;
  process.on('SIGUSR2', () => {
    keys.rewrap().then(
      () => process.stderr.write('vitrine: the root of keys is wrapped anew\n'),
      (error: unknown) => {
        const why = error instanceof VitrineError ? error.message : 'the key service could not do that';
        process.stderr.write(`vitrine: the root of keys is wrapped as before: ${clean(why)}\n`);
      },
    );
  });
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

/** What nothing enforces must not be promised. */
function requireEnforced({ clients }: Manifest): void {
  if (clients === undefined) return;
  throw new UsageError(
    'config.clients',
    'clients: attested cannot be enforced by this version, which asks no client for evidence; leave it out',
  );
}
