/**
 * `vitrine`: finds the command, runs it, and turns whatever happens into an exit code.
 *
 * stdout is the result, stderr is for people. With `--json` stdout is exactly one object, also on failure.
 *
 * @module
 */
import { errorDocument, nearest, UsageError, VitrineError } from '@vitrine/documents';
import { COMMANDS, findCommand } from './commands.ts';
import { EXIT, exitCodeOfError } from './exit-code.ts';
import { clean } from './terminal.ts';
import { VERSION } from './version.ts';

function overview(): string {
  return `vitrine runs any MCP server inside a Trusted Execution Environment, so that its users decide what they trust.

Usage
  vitrine <command> [arguments]

Commands
${COMMANDS.map((command) => `  ${command.name.padEnd(9)} ${command.summary}`).join('\n')}

Examples
  vitrine run npm:@modelcontextprotocol/server-everything@2026.8.31
  vitrine run -- python3 my_server.py
  vitrine verify https://bank.example/mcp
  vitrine add https://bank.example/mcp --client claude-desktop

Exit codes
  0 done, verified, or simulated where you allowed it   1 not verified
  2 wrong usage or configuration                        3 could not be checked
  4 simulated evidence where hardware is wanted         5 internal error
  6 the hosted server failed

\`vitrine <command> --help\` says more. \`vitrine --version\` prints the version.
`;
}

async function dispatch(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const topic = name === 'help' ? rest[0] : undefined;
    process.stdout.write(topic === undefined ? overview() : (await known(topic)).help);
    return name === undefined ? EXIT.usage : EXIT.done;
  }
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${VERSION}\n`);
    return EXIT.done;
  }
  const command = await known(name);
  const own = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest;
  if (own.includes('--help') || own.includes('-h')) {
    process.stdout.write(command.help);
    return EXIT.done;
  }
  return command.run(rest);
}

async function known(name: string): ReturnType<typeof findCommand> {
  const names = COMMANDS.map((command) => command.name);
  if (names.includes(name)) return findCommand(name);
  const near = nearest(name, names);
  throw new UsageError(
    'usage.command',
    `unknown command ${JSON.stringify(name)}${near === undefined ? `; commands: ${names.join(', ')}` : `; did you mean ${JSON.stringify(near)}?`}`,
  );
}

function report(error: unknown, json: boolean): number {
  const exitCode = exitCodeOfError(error);
  const deliberate = error instanceof VitrineError;
  const message = error instanceof Error ? error.message : String(error);
  const code = deliberate ? error.code : 'internal';
  if (json) process.stdout.write(`${JSON.stringify(errorDocument(code, message))}\n`);
  const text = message.split('\n').map(clean).join('\n');
  process.stderr.write(
    deliberate
      ? `vitrine: ${text}\n`
      : `vitrine: internal error, please report it: ${error instanceof Error ? (error.stack ?? text) : text}\n`,
  );
  return exitCode;
}

const args = process.argv.slice(2);
const beforeRest = args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
// A reader that has seen enough (`vitrine … | head`) closes the pipe: that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.done);
  throw error;
});
try {
  process.exitCode = await dispatch(args);
} catch (error) {
  process.exitCode = report(error, beforeRest.includes('--json'));
}
