/**
 * What `vitrine config` is called with.
 *
 * @module
 */
import type { CommandSpec } from '../command-spec.ts';

export const configSpec = {
  name: 'config',
  usage: '<check | show | hash> [file] [options]',
  summary: 'Check vitrine.yaml, show what it comes to',
  description:
    '`check` reads vitrine.yaml and says file, line and column of what is wrong. `show` prints the manifest that it comes to: what evidence will commit to. `hash` prints the digest of that manifest (SHA-384), which verdicts and pins name.',
  positionals: [
    { name: 'check | show | hash', complete: ['check', 'show', 'hash'] },
    { name: 'file', complete: 'file' },
  ],
  examples: [
    { command: 'vitrine config check' },
    { command: 'vitrine config show deploy/vitrine.yaml' },
    { command: 'vitrine config hash --offline' },
  ],
  options: {
    offline: { type: 'boolean', summary: 'do not ask the package registry: what is installed and locked is enough' },
    json: { type: 'boolean', summary: 'one object on one line of stdout' },
  },
  notes: [
    'show and hash find, install and measure the code as run does, and like run they write vitrine.lock where it says nothing yet. The manifest names the versions of Vitrine and Node that run it, so another version gives another digest.',
  ],
  exitCodes: {
    0: 'done',
    1: 'the code is not what vitrine.lock says',
    2: 'wrong usage or configuration',
    3: 'the package registry could not be asked',
  },
} as const satisfies CommandSpec;
