/**
 * The command `vitrine-connect`, which is also `vitrine connect`: arguments, then the bridge.
 *
 * @module
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '@vitrine/documents';
import { runBridge } from './bridge/bridge.ts';
import { cleanText } from './clean-text.ts';
import { channelFromFlags } from './connect/channel-from-flags.ts';
import { connectFlags, readFlags } from './connect/read-flags.ts';
import { CONNECT_EXIT_CODES, CONNECT_FLAGS, type FlagSpec, flagLines } from './connect-arguments.ts';
import { normaliseUrl } from './server-url.ts';

const WIDTH = 80;
const ALWAYS: Readonly<Record<string, FlagSpec>> = {
  help: { type: 'boolean', summary: 'print this' },
  version: { type: 'boolean', summary: 'print the version' },
};

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
    const given = readFlags(args, CONNECT_FLAGS);
    if (given.flags['help'] === true) return print(process, help());
    if (given.flags['version'] === true) return print(process, `${await ownVersion()}\n`);
    const url = normaliseUrl(onlyUrl(given.positionals));
    const flags = connectFlags(given);
    warnAboutEnvironment(process);
    return await runBridge({
      url,
      async open() {
        const channel = await channelFromFlags(url, flags, {
          env: process.env,
          platform: process.platform,
          signal: stopping.signal,
          report: (line) => void process.stderr.write(`vitrine: ${line}\n`),
        });
        return { ...channel, fetch: channel.client() };
      },
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

function onlyUrl(positionals: readonly string[]): string {
  const [url, ...more] = positionals;
  if (url === undefined) throw new UsageError('connect.url', 'which server? vitrine-connect https://bank.example/mcp');
  if (more.length > 0) throw new UsageError('connect.url', `expected one URL, found ${positionals.length} arguments`);
  return url;
}

function help(): string {
  const flags = Object.entries<FlagSpec>(CONNECT_FLAGS);
  const groups = [...new Set(flags.map(([, { group }]) => group))];
  const sections = groups.map((group) => {
    const lines = flagLines(Object.fromEntries(flags.filter(([, flag]) => flag.group === group)), WIDTH);
    return group === undefined ? `${lines}${flagLines(ALWAYS, WIDTH)}` : `${group}:\n\n${lines}`;
  });
  const codes = Object.entries(CONNECT_EXIT_CODES).map(([code, when]) => `  ${code}  ${when}\n`);
  return `Verifies an MCP server, then relays to it: a stdio MCP server for any MCP client.

  vitrine-connect https://bank.example/mcp

The server has to be pinned ("vitrine add"), unless --policy says what is accepted.

${sections.join('\n')}
Exit codes:

${codes.join('')}`;
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
