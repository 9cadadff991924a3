/**
 * What `vitrine release` is called with.
 *
 * @module
 */
import type { CommandSpec } from '../command-spec.ts';

export const releaseSpec = {
  name: 'release',
  usage: 'make <file> | sign <file> --owner-key <key> | show <file> [options]',
  summary: 'Let a changed configuration keep keys and data',
  description:
    'A release lets the next configuration of a server have the keys and data of the one before, where that one says upgrade: signed. make writes it for the vitrine.yaml here, sign adds your signature, show says what it admits and who has signed it; vitrine run --release takes it.',
  positionals: [
    { name: 'make | sign | show', complete: ['make', 'sign', 'show'] },
    { name: 'file', complete: 'file' },
  ],
  examples: [
    { command: 'vitrine release make release.json', note: 'from what ran here last to vitrine.yaml' },
    { command: 'vitrine release sign release.json --owner-key release.pem' },
    { command: 'vitrine release show release.json' },
  ],
  options: {
    config: {
      type: 'string',
      value: 'FILE',
      summary: 'make: the next configuration (default: vitrine.yaml here)',
      complete: 'file',
    },
    from: {
      type: 'string',
      value: 'DIGEST:NUMBER',
      summary: 'make: the manifest that has the keys now (default: as the key slots on this machine say)',
    },
    'owner-key': {
      type: 'string',
      value: 'FILE',
      summary: 'sign: your Ed25519 private key (PEM), made with vitrine secrets keygen',
      complete: 'file',
    },
    json: { type: 'boolean', summary: 'one object on stdout' },
  },
  notes: [
    'Before you sign, compare the digest with your own: vitrine config hash. A signature cannot be taken back, and a release has no delay: it counts from the moment that enough have signed.',
  ],
  exitCodes: {
    0: 'done; show: whatever it admits',
    1: 'make: the code is not what vitrine.lock says',
    2: 'wrong usage or configuration',
    3: 'make: the package registry could not be asked',
  },
} as const satisfies CommandSpec;
