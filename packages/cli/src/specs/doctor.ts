/**
 * What `vitrine doctor` is called with.
 *
 * @module
 */
import type { CommandSpec } from '../command-spec.ts';

export const doctorSpec = {
  name: 'doctor',
  usage: '[options]',
  summary: 'Say what this machine lacks',
  description:
    "Says what this machine has and lacks for using servers and for hosting them: Node, npm, Vitrine's own directory, pins, the entries in MCP clients, proxy and TLS settings, hardware, sandbox. Each is ok, missing (not there, and not needed by itself) or a problem. It asks no network and changes nothing.",
  positionals: [],
  examples: [{ command: 'vitrine doctor' }, { command: 'vitrine doctor --json' }],
  options: {
    json: { type: 'boolean', summary: 'one object on stdout' },
  },
  exitCodes: {
    0: 'nothing that using servers needs is broken',
    2: 'something under "Use servers" is a problem, or wrong usage',
  },
} as const satisfies CommandSpec;
