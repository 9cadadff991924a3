/**
 * The table of commands. Each is loaded only when it runs, so that `verify` does not pay for `run`.
 *
 * @module
 */
import type { Command } from './command.ts';

interface Row {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

export const COMMANDS: readonly Row[] = [
  {
    name: 'run',
    summary: 'Host an MCP server, here in the simulator',
    load: async () => (await import('./commands/run.ts')).run,
  },
  {
    name: 'verify',
    summary: 'Check a URL, a saved bundle or a raw quote',
    load: async () => (await import('./commands/verify.ts')).verify,
  },
  {
    name: 'add',
    summary: 'Verify a server, pin it, and put it into an MCP client',
    load: async () => (await import('./commands/add.ts')).add,
  },
  {
    name: 'connect',
    summary: 'Be a stdio MCP server that verifies first, then relays',
    load: async () => (await import('./commands/connect.ts')).connect,
  },
  {
    name: 'explain',
    summary: 'Say what a check is for',
    load: async () => (await import('./commands/explain.ts')).explain,
  },
];

/** Loads a command by its exact name. */
export async function findCommand(name: string): Promise<Command> {
  const row = COMMANDS.find((command) => command.name === name);
  if (row === undefined) throw new Error(`no command ${name}`);
  return row.load();
}
