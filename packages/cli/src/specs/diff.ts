/**
 * What `vitrine diff` is called with.
 *
 * @module
 */
import type { CommandSpec } from '../command-spec.ts';

export const diffSpec = {
  name: 'diff',
  usage: '<a> <b> [options]',
  summary: 'Say how two releases, servers or pins differ',
  description:
    'Compares two sides: image, packages, configuration, egress, keys and their policy, tools, and who may upgrade. A side is a file (evidence bundle, reference values or manifest) or a pinned server, by its URL.',
  positionals: [
    { name: 'a', complete: 'file' },
    { name: 'b', complete: 'file' },
  ],
  examples: [
    { command: 'vitrine diff old/reference-values.json new/reference-values.json' },
    { command: 'vitrine diff https://bank.example/mcp evidence.json', note: 'a pin and a saved bundle' },
    { command: 'vitrine diff pin:https://a.example/mcp pin:https://b.example/mcp --json' },
  ],
  options: {
    json: { type: 'boolean', summary: 'one object on stdout, with values in full' },
  },
  notes: [
    'Files are read, not verified: `vitrine verify` does that. What only one side states cannot be compared, and counts as a difference.',
  ],
  exitCodes: { 0: 'they are the same', 1: 'they differ, or cannot be compared', 2: 'wrong usage or no such document' },
} as const satisfies CommandSpec;
