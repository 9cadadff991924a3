/**
 * What `vitrine pins` is called with.
 *
 * @module
 */
import type { CommandSpec } from '../command-spec.ts';

export const pinsSpec = {
  name: 'pins',
  usage: 'ls | show <name> | rm <name> | deny <file> [options]',
  summary: 'List, show or remove what you have pinned; keep deny-lists',
  description:
    'Shows what you have accepted of each server, and forgets it. `vitrine add` pins; nothing that a server says changes a pin. deny keeps a signed list of what must not be used any more, which then applies to every server; its number never falls.',
  positionals: [
    { name: 'ls | show | rm | deny', complete: ['ls', 'show', 'rm', 'deny'] },
    { name: 'url | list:NAME | file', complete: 'file' },
  ],
  examples: [
    { command: 'vitrine pins ls' },
    { command: 'vitrine pins show https://bank.example/mcp' },
    { command: 'vitrine pins rm https://bank.example/mcp', note: 'asks first' },
    { command: 'vitrine pins ls --json' },
    { command: 'vitrine pins deny list.json --key 8a88…', note: 'the first time' },
    { command: 'vitrine pins deny list.json', note: 'a newer one by the same keys' },
    { command: 'vitrine pins show list:vendor' },
  ],
  options: {
    key: {
      type: 'string',
      multiple: true,
      value: 'HEX',
      summary: 'deny: an Ed25519 public key of the issuer, from where you trust it; may be repeated',
    },
    threshold: { type: 'string', value: 'N', summary: 'deny: how many of the keys have to sign (default: 1)' },
    yes: { type: 'boolean', summary: 'rm: do not ask' },
    json: { type: 'boolean', summary: 'one object on stdout' },
  },
  notes: [
    'Removing a pin also forgets the highest manifest number, how far keys and data had got, and the tools that you have seen: the next `vitrine add` is a first contact. A list is named list:NAME.',
  ],
  exitCodes: {
    0: 'done',
    1: 'rm: you said no',
    2: 'wrong usage, no such pin or list, a list that is older or signed by others, or a damaged file',
  },
} as const satisfies CommandSpec;
