/**
 * Finds the npm command line and runs it as a child process. npm is how packages are fetched and checked
 * against their integrity, with the user's own registry settings; nothing of it is loaded in here.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { UsageError } from '@vitrine/documents';
import { findExecutable } from './find-executable.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What to start, before npm's own arguments. */
export interface NpmCommand {
  readonly command: string;
  readonly args: readonly string[];
}

export interface NpmOutcome {
  readonly exitCode: number;
  /** npm's own error code, such as `E404` or `ECONNREFUSED`, if it named one. */
  readonly errorCode?: string;
  /** Its error lines, shortened, for people. */
  readonly errorText: string;
}

const CLI = path.join('npm', 'bin', 'npm-cli.js');
const MAX_ERROR_BYTES = 64 * 1024;
const SHOWN_LINES = 8;

/**
 * npm by the path that npm itself hands to its children (`npm_execpath`), else by PATH, else beside Node.
 *
 * @param node - The Node to run it with.
 * @throws UsageError with code `npm.missing`.
 */
export function findNpm(environment: Environment, node: string = process.execPath): NpmCommand {
  const script = candidates(environment, node).find((file) => file !== undefined && existsSync(file));
  if (script !== undefined) return { command: node, args: [script] };
  const command = process.platform === 'win32' ? undefined : findExecutable('npm', environment['PATH'] ?? '');
  // A version manager's own launcher, which is no JavaScript.
  if (command !== undefined) return { command, args: [] };
  throw new UsageError(
    'npm.missing',
    'npm was not found, neither through npm_execpath nor on PATH nor beside Node. Install npm 10 or newer to run npm: sources; path: and -- command work without it',
  );
}

function candidates(environment: Environment, node: string): readonly (string | undefined)[] {
  const given = environment['npm_execpath'];
  const directory = given === undefined ? '' : path.dirname(given);
  const fromNpm = given !== undefined && /^np[mx]-cli\.js$/.test(path.basename(given));
  const onPath = findExecutable('npm', environment['PATH'] ?? '');
  const besideNode = path.dirname(node);
  return [
    fromNpm ? path.join(directory, 'npm-cli.js') : undefined,
    onPath === undefined ? undefined : cliBehind(onPath),
    path.join(besideNode, 'node_modules', CLI),
    path.join(besideNode, '..', 'lib', 'node_modules', CLI),
  ];
}

function cliBehind(command: string): string | undefined {
  const real = realpathSync(command);
  if (path.basename(real) === 'npm-cli.js') return real;
  const beside = path.join(path.dirname(real), 'node_modules', CLI);
  return process.platform === 'win32' && existsSync(beside) ? beside : undefined;
}

/** Runs npm to its end. Its output is kept from the user but for errors. */
export function runNpm(
  npm: NpmCommand,
  args: readonly string[],
  cwd: string,
  environment: Environment,
): Promise<NpmOutcome> {
  const { promise, resolve, reject } = Promise.withResolvers<NpmOutcome>();
  const child = spawn(npm.command, [...npm.args, ...args], {
    cwd,
    env: npmEnvironment(environment),
    stdio: ['ignore', 'ignore', 'pipe'],
    shell: false,
    windowsHide: true,
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (errors.length < MAX_ERROR_BYTES) errors += text;
  });
  child.once('error', (cause) =>
    reject(new UsageError('npm.missing', `npm could not be started: ${cause.message}`, { cause })),
  );
  child.once('close', (exitCode, signal) => {
    if (signal !== null)
      reject(new UsageError('npm.interrupted', `npm was ended by ${signal}; nothing was installed. Start again`));
    else resolve(outcome(exitCode ?? 1, errors));
  });
  return promise;
}

/**
 * The user's environment, since it may name registry, proxy and certificates; without what makes Node run
 * other code and without settings meant for a project that an outer npm is working on.
 */
function npmEnvironment(environment: Environment): NodeJS.ProcessEnv {
  const dropped =
    /^(?:NODE_OPTIONS|NODE_ENV|INIT_CWD|npm_(?:lifecycle|package|command|execpath).*|npm_config_(?:local_prefix|prefix|before|os|cpu|libc|include|only|also))$/i;
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !dropped.test(name)));
}

function outcome(exitCode: number, errors: string): NpmOutcome {
  const lines = errors
    .split('\n')
    .filter((line) => line.startsWith('npm error') || line.startsWith('npm ERR!'))
    .map((line) => line.replace(/^npm (?:error|ERR!) ?/, ''));
  const errorCode = lines.map((line) => /^code (\S+)$/.exec(line)?.[1]).find((code) => code !== undefined);
  const telling = lines.filter((line) => line.trim() !== '' && !/^code |^\s+at |complete log of this run/.test(line));
  const errorText = withoutCredentials(telling.slice(0, SHOWN_LINES).join('\n'));
  return errorCode === undefined ? { exitCode, errorText } : { exitCode, errorCode, errorText };
}

/** Registry addresses may carry a user name and password. */
function withoutCredentials(text: string): string {
  return text.replaceAll(/\/\/[^/@\s]+@/g, '//');
}
