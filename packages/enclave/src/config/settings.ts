/**
 * Brings `vitrine.yaml` and the flags of the command line together. A flag may say what the file leaves
 * open or repeats; a flag that contradicts the file is an error, since nobody could tell which was meant.
 *
 * @module
 */
import { UsageError } from '@vitrine/documents';
import { type Configuration, type ConfiguredAuth, type ServerChoice, serverChoice } from './configuration.ts';
import { checkCredentials } from './key-terms.ts';
import { catalogueOf, checkTransport, egressRules, type Terms } from './operator-terms.ts';

/** What the command line said; members that were not given are absent. */
export interface RunFlags extends ServerChoice {
  readonly name?: string;
  readonly host?: string;
  readonly port?: number;
  /** `none`: without a sandbox, although one may be had; `bwrap`: it must be had. */
  readonly sandbox?: 'none' | 'bwrap';
  /** Each `host:port`. */
  readonly egress?: readonly string[];
}

/** A configuration file that was found, and how to call it in errors. */
export interface ReadConfiguration {
  readonly file: string;
  readonly configuration: Configuration;
}

export interface ListenSettings {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Further names for clients, each `host` or `host:port`. */
  readonly publicHosts: readonly string[];
}

/** Everything that was decided, and nothing that still has to be looked up. */
export interface Settings {
  readonly name?: string;
  readonly number: number;
  /** Has exactly one of `source` and `command`. */
  readonly server: ServerChoice;
  readonly listen: ListenSettings;
  /** The least that must be obtained. */
  readonly sandbox: 'none' | 'bwrap';
  /** Whether to use what can be obtained. */
  readonly housing: 'best' | 'none';
  /** Absent: anybody on this machine. */
  readonly auth?: ConfiguredAuth;
  readonly terms: Terms;
}

/** Loopback only: a simulated TEE is for this machine. */
const DEFAULT_LISTEN: ListenSettings = { host: '127.0.0.1', port: 8443, publicHosts: [] };

/** @throws UsageError with code `config.contradiction` or `config.server`. */
export function settingsOf(read: ReadConfiguration | undefined, flags: RunFlags): Settings {
  const file = read?.file ?? '';
  const written = read?.configuration;
  const fromFile: ServerChoice = written === undefined ? {} : serverChoice(written.server);
  const same = <T>(flag: string, field: string, given: T | undefined, inFile: T | undefined): T | undefined =>
    agreed(file, flag, field, given, inFile);

  const server = compact({
    source: same('the server', 'server', flags.source, fromFile.source ?? onlyIf(fromFile.command, flags.source)),
    command: same('the command', 'server', flags.command, fromFile.command ?? onlyIf(fromFile.source, flags.command)),
    bin: same('--bin', 'server.bin', flags.bin, fromFile.bin),
    entry: same('--entry', 'server.entry', flags.entry, fromFile.entry),
    args: same('the arguments', 'server.args', flags.args, fromFile.args),
    environment: mergeEnvironment(file, flags.environment, fromFile.environment),
    transport: same('--http-port', 'server.transport', flags.transport, fromFile.transport),
    httpPort: same('--http-port', 'server.port', flags.httpPort, fromFile.httpPort),
  });
  checkServer(server);
  const name = same('--name', 'name', flags.name, written?.name);
  const listen = written?.listen;
  return {
    ...(name === undefined ? {} : { name }),
    number: written?.number ?? 1,
    server,
    listen: {
      host: same('the host of --listen', 'listen.host', flags.host, listen?.host) ?? DEFAULT_LISTEN.host,
      port: same('the port of --listen', 'listen.port', flags.port, listen?.port) ?? DEFAULT_LISTEN.port,
      publicHosts: listen?.publicHosts ?? DEFAULT_LISTEN.publicHosts,
    },
    sandbox: same('--sandbox', 'sandbox', flags.sandbox, written?.sandbox) ?? 'none',
    housing: flags.sandbox === 'none' ? 'none' : 'best',
    ...authOf(written?.auth),
    terms: termsOf(written, same('--egress', 'egress', flags.egress, written?.egress)),
  };
}

function authOf(written: Configuration['auth']): { readonly auth?: ConfiguredAuth } {
  if (written === undefined) return {};
  return { auth: written === 'none' ? { kind: 'none' } : written };
}

function termsOf(written: Configuration | undefined, egress: readonly string[] | undefined): Terms {
  const {
    isolation,
    data,
    catalogue,
    limits,
    clients,
    logs,
    keys,
    credentials,
    store,
    signer,
    upgrade,
    roots,
    anchor,
    handover,
  } = written ?? {};
  // The file has been checked; what the command line adds has not.
  if (credentials !== undefined) checkCredentials(credentials, egressRules(egress ?? []), (_place, check) => check());
  return {
    ...(egress === undefined ? {} : { egress: egressRules(egress) }),
    ...(isolation === undefined ? {} : { isolation }),
    ...(data === undefined ? {} : { data }),
    ...(catalogue === undefined ? {} : { catalogue: catalogueOf(catalogue) }),
    ...(limits === undefined || Object.keys(limits).length === 0 ? {} : { limits }),
    ...(clients === undefined ? {} : { clients }),
    ...(keys === undefined ? {} : { keys }),
    ...(credentials === undefined ? {} : { credentials }),
    ...(store === undefined ? {} : { store }),
    ...(signer === undefined ? {} : { signer }),
    ...(upgrade === undefined ? {} : { upgrade }),
    ...(roots === undefined ? {} : { roots }),
    ...(anchor === undefined ? {} : { anchor }),
    ...(handover === undefined ? {} : { handover }),
    // Simulated servers are run by who writes them, and who wants to see what they say.
    logs: logs ?? { child: 'operator' },
  };
}

/** The file's other way to name a server, so that naming it differently shows up as the contradiction it is. */
function onlyIf<T>(other: readonly string[] | string | undefined, given: T | undefined): T | undefined {
  return given === undefined ? undefined : (other as T | undefined);
}

function agreed<T>(
  file: string,
  flag: string,
  field: string,
  given: T | undefined,
  inFile: T | undefined,
): T | undefined {
  if (given === undefined) return inFile;
  if (inFile === undefined || JSON.stringify(given) === JSON.stringify(inFile)) return given;
  throw new UsageError(
    'config.contradiction',
    `${flag} ${show(given)} on the command line contradicts ${field} ${show(inFile)} in ${file}; remove one of the two`,
  );
}

function mergeEnvironment(
  file: string,
  given: ServerChoice['environment'],
  inFile: ServerChoice['environment'],
): ServerChoice['environment'] {
  if (given === undefined || inFile === undefined) return given ?? inFile;
  for (const [name, value] of Object.entries(given)) {
    // Not the values: one of them could be a secret that is about to be refused.
    if (Object.hasOwn(inFile, name) && inFile[name] !== value) {
      throw new UsageError(
        'config.contradiction',
        `--env ${name} on the command line contradicts server.environment.${name} in ${file}; remove one of the two`,
      );
    }
  }
  return { ...inFile, ...given };
}

function checkServer(server: ServerChoice): void {
  const fail = (why: string): never => {
    throw new UsageError('config.server', why);
  };
  if (server.source === undefined && server.command === undefined) {
    fail(
      'no server: name one (npm:<package>@<version> or path:<directory>), give a command after --, or write "server" in vitrine.yaml',
    );
  }
  if (server.source !== undefined && server.command !== undefined) {
    fail(`two servers: ${show(server.source)} and the command ${show(server.command)}; give one`);
  }
  if (server.command !== undefined) {
    const [program] = server.command;
    if (program === undefined || program === '') fail('the command after -- is empty');
    if (server.args !== undefined) fail('arguments of a command belong into the command itself');
  }
  if (server.bin !== undefined && server.source?.startsWith('npm:') !== true)
    fail('a binary ("bin") can be chosen for npm: sources only');
  if (server.entry !== undefined && !/^(?:path|module):/.test(server.source ?? ''))
    fail('an entry ("entry") can be named for path: and module: sources only');
  checkTransport(server.transport, server.httpPort);
}

function compact(choice: { readonly [K in keyof ServerChoice]-?: ServerChoice[K] | undefined }): ServerChoice {
  return Object.fromEntries(Object.entries(choice).filter(([, value]) => value !== undefined));
}

function show(value: unknown): string {
  return JSON.stringify(value);
}
