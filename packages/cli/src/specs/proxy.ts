/**
 * What `vitrine proxy` is called with.
 *
 * @module
 */
import { CONNECT_EXIT_CODES, CONNECT_FLAGS, PROXY_FLAGS } from '@vitrine/client/connect-arguments';
import type { CommandSpec } from '../command-spec.ts';

export const proxySpec = {
  name: 'proxy',
  usage: '<url> --listen 127.0.0.1:PORT [options]',
  summary: 'Offer a verified server as a local HTTP endpoint',
  description:
    'Verifies a server, then offers it as a Streamable HTTP endpoint on this machine, for agents, pages in development and programs that only speak HTTP. Every request needs the token that is printed at the start. Every connection to the server is attested before an MCP byte goes out.',
  positionals: [{ name: 'url' }],
  examples: [
    { command: 'vitrine proxy https://bank.example/mcp --listen 127.0.0.1:8080' },
    {
      command: 'vitrine proxy https://bank.example/mcp --listen 127.0.0.1:0 --token-file token --json',
      note: 'for scripts',
    },
    {
      command: 'vitrine proxy https://bank.example/mcp --listen 127.0.0.1:8080 --allow-origin http://localhost:5173',
      note: 'a page in development',
    },
  ],
  options: { ...PROXY_FLAGS, ...CONNECT_FLAGS },
  notes: [
    'Requests go to /mcp with the header `Authorization: Bearer <token>`. The token stays on this machine: what the server gets comes from the sign-in options.',
  ],
  exitCodes: { ...CONNECT_EXIT_CODES, 0: 'you ended it' },
} as const satisfies CommandSpec;
