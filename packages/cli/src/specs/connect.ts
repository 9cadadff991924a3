/**
 * What `vitrine connect` is called with. Its flags are the client package's own.
 *
 * @module
 */
import { CONNECT_EXIT_CODES, CONNECT_FLAGS } from '@vitrine/client/connect-arguments';
import type { CommandSpec } from '../command-spec.ts';

export const connectSpec = {
  name: 'connect',
  usage: '<url> [options]',
  summary: 'Be a stdio MCP server that verifies first, then relays',
  description:
    'A stdio MCP server that verifies first, then relays. An MCP client starts it; `vitrine add` writes the entry. The server has to be pinned, unless --policy says what is accepted. Every new connection is attested before an MCP byte goes out.',
  positionals: [{ name: 'url' }],
  examples: [
    { command: 'vitrine connect https://bank.example/mcp' },
    { command: 'vitrine connect https://bank.example/mcp --policy policy.json --reference reference-values.json' },
    { command: 'vitrine connect https://bank.example/mcp --header-file headers.txt' },
  ],
  options: CONNECT_FLAGS,
  exitCodes: CONNECT_EXIT_CODES,
} as const satisfies CommandSpec;
