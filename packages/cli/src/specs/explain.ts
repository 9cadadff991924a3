/**
 * What `vitrine explain` is called with.
 *
 * @module
 */
import type { CommandSpec } from '../command-spec.ts';

export const explainSpec = {
  name: 'explain',
  usage: '[check] [options]',
  summary: 'Say what a check is for',
  description: 'Says what a check looks at, which attack it stops, and where it is specified.',
  positionals: [{ name: 'check' }],
  examples: [
    { command: 'vitrine explain tdx.revocation' },
    { command: 'vitrine explain tdx', note: 'all checks of one technology' },
    { command: 'vitrine explain handover', note: 'what enclaves check before one gives its keys to the other' },
    { command: 'vitrine explain', note: 'the list of all checks' },
  ],
  options: {
    json: { type: 'boolean', summary: 'one object on stdout' },
  },
  exitCodes: { 0: 'done', 2: 'there is no such check' },
} as const satisfies CommandSpec;
