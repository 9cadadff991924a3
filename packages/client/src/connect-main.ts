/**
 * The command `vitrine-connect`, which is also `vitrine connect`: arguments, then the bridge.
 *
 * @module
 */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseDocument, type ReferenceValues, referenceValuesShape, UsageError } from '@vitrine/documents';
import { type AppraisalPolicy, parsePolicy } from '@vitrine/verifier';
import { runBridge } from './bridge/bridge.ts';
import { type AttestedFetch, attestedFetch } from './channel/attested-fetch.ts';
import { cleanText } from './clean-text.ts';
import { requireTrust } from './connect/judge.ts';
import { resolveTrust, type TrustOptions } from './connect/trust.ts';
import { onlineEndorsements } from './online-endorsements.ts';
import { vitrineHome } from './pins/vitrine-home.ts';
import { normaliseUrl } from './server-url.ts';

const TIME_LIMIT_MS = 30_000;

const HELP = `Verifies an MCP server, then relays to it: a stdio MCP server for any MCP client.

  vitrine-connect https://bank.example/mcp

The server has to be pinned ("vitrine add"), unless --policy says what is accepted.

  --policy FILE          appraisal policy, in place of the pin's
  --reference FILE       reference values, in place of the pin's measurements
  --allow-simulator      accept your own simulator, on this machine only
  --simulator-root FILE  accept the simulator with this root
  --help, --version

Exit codes: 0 done, 1 not verified, 2 wrong usage or configuration,
3 could not be checked, 4 simulated evidence where hardware is wanted, 5 internal error.
`;

/** What the command needs of its process. */
export interface ConnectProcess {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WritableStream & NodeJS.WriteStream;
  readonly stderr: NodeJS.WritableStream & NodeJS.WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  on(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
  off(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
}

/**
 * Runs the command.
 *
 * @param args - Arguments after the command's name.
 * @returns The exit code. stdout carries MCP messages only, except for `--help` and `--version`.
 */
export async function connectMain(args: readonly string[], process: ConnectProcess): Promise<number> {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    const parsed = readArguments(args);
    if (parsed === 'help') return print(process, HELP);
    if (parsed === 'version') return print(process, `${await ownVersion()}\n`);
    const url = normaliseUrl(parsed.url);
    warnAboutEnvironment(process);
    return await runBridge({
      url,
      open: () => open(url, parsed, process, stopping.signal),
      input: process.stdin,
      output: process.stdout,
      errorOutput: process.stderr,
      signal: stopping.signal,
    });
  } catch (error) {
    const usage = error instanceof UsageError;
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`vitrine: ${usage ? '' : 'internal error: '}${cleanText(message, 1_000)}\n`);
    return usage ? 2 : 5;
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

interface Arguments {
  readonly url: string;
  readonly policy: string | undefined;
  readonly reference: string | undefined;
  readonly simulatorRoot: string | undefined;
  readonly allowSimulator: boolean;
}

function readArguments(args: readonly string[]): Arguments | 'help' | 'version' {
  const { values, positionals } = parse(args);
  if (values.help === true) return 'help';
  if (values.version === true) return 'version';
  const [url, ...more] = positionals;
  if (url === undefined) throw new UsageError('connect.url', 'which server? vitrine-connect https://bank.example/mcp');
  if (more.length > 0) throw new UsageError('connect.url', `expected one URL, found ${positionals.length} arguments`);
  return {
    url,
    policy: values.policy,
    reference: values.reference,
    simulatorRoot: values['simulator-root'],
    allowSimulator: values['allow-simulator'] === true,
  };
}

type Values = {
  readonly [name in 'policy' | 'reference' | 'simulator-root']?: string | undefined;
} & { readonly [name in 'allow-simulator' | 'help' | 'version']?: boolean | undefined };

function parse(args: readonly string[]): { readonly values: Values; readonly positionals: readonly string[] } {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      strict: true,
      options: {
        policy: { type: 'string' },
        reference: { type: 'string' },
        'simulator-root': { type: 'string' },
        'allow-simulator': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean' },
      },
    });
  } catch (cause) {
    throw new UsageError('connect.arguments', `${(cause as Error).message} See vitrine-connect --help`, { cause });
  }
}

async function open(
  url: string,
  given: Arguments,
  process: ConnectProcess,
  signal: AbortSignal,
): Promise<AttestedFetch> {
  const home = vitrineHome(process.env, process.platform, homedir());
  const options: TrustOptions = {
    home,
    purpose: 'connect',
    allowSimulator: given.allowSimulator,
    // Through a client of its own: nothing that the server is sent shares a connection with it.
    fetchEndorsements: onlineEndorsements(home),
    ...(given.policy === undefined ? {} : { policy: await readPolicy(given.policy) }),
    ...(given.reference === undefined ? {} : { referenceValues: await readReference(given.reference) }),
    ...(given.simulatorRoot === undefined ? {} : { simulatorRootPem: await read(given.simulatorRoot) }),
  };
  const trust = await resolveTrust(url, options);
  return attestedFetch(
    url,
    requireTrust(trust, () => new Date()),
    { timeLimitMs: TIME_LIMIT_MS, signal },
  );
}

async function readPolicy(file: string): Promise<AppraisalPolicy> {
  return parsePolicy(await read(file), file);
}

async function readReference(file: string): Promise<ReferenceValues> {
  return parseDocument(await read(file), referenceValuesShape, file);
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageError('file.unreadable', `cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}

/** The setting that weakens TLS elsewhere does nothing here, and whoever set it should know. */
function warnAboutEnvironment({ env, stderr }: ConnectProcess): void {
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] !== '0') return;
  stderr.write('vitrine: NODE_TLS_REJECT_UNAUTHORIZED=0 has no effect here: the attested key decides\n');
}

function print(process: ConnectProcess, text: string): 0 {
  process.stdout.write(text);
  return 0;
}

async function ownVersion(): Promise<string> {
  const text = await readFile(join(import.meta.dirname, '..', 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
