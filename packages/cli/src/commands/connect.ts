/**
 * `vitrine connect`: the bridge, the same as `vitrine-connect` of the client package.
 *
 * @module
 */
import { onlyPositional, parseArguments } from '../command.ts';
import { connectSpec } from '../specs/connect.ts';

export async function runConnect(args: readonly string[]): Promise<number> {
  // The bridge parses them itself; here mistakes read as those of any other command.
  const { positionals } = parseArguments(args, connectSpec.options);
  onlyPositional(positionals, 'the URL of a server, such as https://bank.example/mcp');
  const { connectMain } = await import('@vitrine/client/connect-main');
  return connectMain(args, process);
}
