/**
 * `vitrine connect`: the bridge, the same as `vitrine-connect` of the client package.
 *
 * @module
 */
import { onlyPositional, parseArguments } from '../command.ts';
import { connectSpec } from '../specs/connect.ts';

const AT_A_TERMINAL = `vitrine: this is for an MCP client, which starts it and speaks MCP on its stdin;
  vitrine add writes its entry, vitrine verify only looks. Ctrl-C ends this.
`;

export async function runConnect(args: readonly string[]): Promise<number> {
  // The bridge parses them itself; here mistakes read as those of any other command.
  const { positionals } = parseArguments(args, connectSpec.options);
  onlyPositional(positionals, 'the URL of a server, such as https://bank.example/mcp');
  // A person who tries it would otherwise look at nothing.
  if (process.stdin.isTTY) process.stderr.write(AT_A_TERMINAL);
  const { connectMain } = await import('@vitrine/client/connect-main');
  return connectMain(args, process);
}
