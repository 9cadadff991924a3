/**
 * `vitrine connect`: the bridge, the same as `vitrine-connect` of the client package.
 *
 * @module
 */
import type { Command } from '../command.ts';

const help = `vitrine connect <url>: a stdio MCP server that verifies first, then relays.

An MCP client starts it; \`vitrine add\` writes the entry. The server has to be pinned, unless --policy
says what is accepted. Every new connection is attested before an MCP byte goes out.

Examples
  vitrine connect https://bank.example/mcp
  vitrine connect https://bank.example/mcp --policy policy.json --reference reference-values.json

  --policy FILE          appraisal policy, in place of the pin's
  --reference FILE       reference values, in place of the pin's measurements
  --allow-simulator      accept the simulator of this user, on a loopback URL
  --simulator-root FILE  accept the simulator with this root certificate (PEM)

Exit codes: 0 stdin was closed; 1 not verified; 2 wrong usage; 3 could not be checked; 4 simulated
evidence where hardware is wanted.
`;

export const connect: Command = {
  name: 'connect',
  summary: 'Be a stdio MCP server that verifies first, then relays',
  help,
  async run(args) {
    const { connectMain } = await import('@vitrine/client/connect-main');
    return connectMain(args, process);
  },
};
