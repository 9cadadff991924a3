/**
 * What `vitrine pins` is called with.
 *
 * @module
 */
import type { CommandSpec } from '../command-spec.ts';

export const pinsSpec = {
  name: 'pins',
  usage: 'ls | show <url> | rm <url> [options]',
  summary: 'List, show or remove what you have pinned',
  description:
    'Shows what you have accepted of each server, and forgets it. `vitrine add` pins; nothing that a server says changes a pin.',
  positionals: [{ name: 'ls | show | rm', complete: ['ls', 'show', 'rm'] }, { name: 'url' }],
  examples: [
    { command: 'vitrine pins ls' },
    { command: 'vitrine pins show https://bank.example/mcp' },
    { command: 'vitrine pins rm https://bank.example/mcp', note: 'asks first' },
    { command: 'vitrine pins ls --json' },
  ],
  options: {
    yes: { type: 'boolean', summary: 'rm: do not ask' },
    json: { type: 'boolean', summary: 'one object on stdout' },
  },
  notes: [
    'Removing a pin also forgets the highest manifest number and the tools that you have seen: the next `vitrine add` is a first contact.',
  ],
  exitCodes: { 0: 'done', 1: 'rm: you said no', 2: 'wrong usage, no such pin, or a damaged pins file' },
} as const satisfies CommandSpec;
