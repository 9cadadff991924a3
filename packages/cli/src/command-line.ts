/**
 * `vitrine` from its arguments to its exit code: finds the command, runs it, and says what went wrong.
 *
 * stdout is the result, stderr is for people. With `--json` stdout is exactly one object, also on failure.
 *
 * @module
 */
import { errorDocument } from '@vitrine/documents/error-document';
import { UsageError, VitrineError } from '@vitrine/documents/errors';
import { findCommand } from './commands.ts';
import { EXIT, exitCodeOfError } from './exit-code.ts';
import { commandHelp, helpWidth, overview } from './help.ts';
import { clean, terminalOf, wrap } from './terminal.ts';
import { VERSION } from './version.ts';

/**
 * Runs one command line; never throws.
 *
 * @param keydProgram - The program of the key service, where it is not the one of this package.
 */
export async function runCommandLine(args: readonly string[], keydProgram?: string): Promise<number> {
  const own = args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
  try {
    return await dispatch(args, keydProgram);
  } catch (error) {
    return report(unusablePath(error), own.includes('--json'), args[0]);
  }
}

async function dispatch(args: readonly string[], keydProgram: string | undefined): Promise<number> {
  const [name, ...rest] = args;
  const width = helpWidth(process.stdout);
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const topic = name === 'help' ? rest.find((word) => !word.startsWith('-')) : undefined;
    process.stdout.write(topic === undefined ? overview(width) : commandHelp(findCommand(topic).spec, width));
    return name === undefined ? EXIT.usage : EXIT.done;
  }
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${VERSION}\n`);
    return EXIT.done;
  }
  const command = findCommand(name);
  const own = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest;
  if (own.includes('--help') || own.includes('-h')) {
    process.stdout.write(commandHelp(command.spec, width));
    return EXIT.done;
  }
  const run = await command.load();
  return run(rest, keydProgram);
}

const UNUSABLE: ReadonlySet<string | undefined> = new Set([
  'EACCES',
  'EPERM',
  'EROFS',
  'ENOSPC',
  'EDQUOT',
  'ENOENT',
  'ENOTDIR',
  'EISDIR',
]);

/** A folder that this user cannot use is no error of ours, wherever it was met. */
function unusablePath(error: unknown): unknown {
  if (error instanceof VitrineError || !(error instanceof Error)) return error;
  const { code, path, syscall } = error as NodeJS.ErrnoException;
  if (path === undefined || syscall === undefined || !UNUSABLE.has(code)) return error;
  return new UsageError(
    'usage.path',
    `${path} cannot be used (${code} at ${syscall}); make it usable for this user, or name another place with VITRINE_HOME or TMPDIR`,
    { cause: error },
  );
}

function report(error: unknown, json: boolean, command: string | undefined): number {
  const exitCode = exitCodeOfError(error);
  const deliberate = error instanceof VitrineError;
  const message = error instanceof Error ? error.message : String(error);
  const code = deliberate ? error.code : 'internal';
  if (json) process.stdout.write(`${JSON.stringify(errorDocument(code, message))}\n`);
  const text = message.split('\n').map(clean).join('\n');
  process.stderr.write(
    deliberate
      ? `${readable(`vitrine: ${text}`)}\n`
      : `vitrine: internal error, please report it: ${error instanceof Error ? (error.stack ?? text) : text}\n`,
  );
  // What was left out is best learned from the examples.
  if (deliberate && code === 'usage.missing')
    process.stderr.write(`  examples: vitrine ${clean(command ?? '')} --help\n`);
  return exitCode;
}

/** Broken between words for a person; what a program reads stays on one line. */
function readable(text: string): string {
  if (!process.stderr.isTTY) return text;
  const { width } = terminalOf(process.stderr);
  return text
    .split('\n')
    .map((line) => (line.length > width ? wrap(line, width, '  ') : line))
    .join('\n');
}
