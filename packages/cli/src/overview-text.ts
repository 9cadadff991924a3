/**
 * What is said about vitrine as a whole, in `vitrine --help` and in the manual page.
 *
 * @module
 */

export const INTRODUCTION =
  'vitrine runs any MCP server inside a Trusted Execution Environment, so that its users decide what they trust.';

export const OVERVIEW_EXAMPLES: readonly string[] = [
  'vitrine run npm:@modelcontextprotocol/server-everything@2026.8.31',
  'vitrine run -- python3 my_server.py',
  'vitrine verify https://bank.example/mcp',
  'vitrine add https://bank.example/mcp --client claude-desktop',
];

/** The same for every command. */
export const EXIT_CODES: Readonly<Record<number, string>> = {
  0: 'done, verified, or simulated where you allowed it',
  1: 'not verified',
  2: 'wrong usage or configuration',
  3: 'could not be checked',
  4: 'simulated evidence where hardware is wanted',
  5: 'internal error',
  6: 'the hosted server failed',
};
