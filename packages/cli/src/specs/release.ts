/**
 * What `vitrine release` is called with.
 *
 * @module
 */
import type { CommandSpec } from '../command-spec.ts';

export const releaseSpec = {
  name: 'release',
  usage: 'make <file> | sign <file> | witness <file> | show <file> [options]',
  summary: 'Let a changed configuration keep keys and data',
  description:
    'A release lets the next configuration of a server have the keys and data of the one before, where that one says upgrade: signed. make writes it for the vitrine.yaml here, sign adds your signature, witness says when it was seen first, show says what it admits and what is missing; vitrine run --release takes it.',
  positionals: [
    { name: 'make | sign | witness | show', complete: ['make', 'sign', 'witness', 'show'] },
    { name: 'file', complete: 'file' },
  ],
  examples: [
    { command: 'vitrine release make release.json', note: 'from what ran here last to vitrine.yaml' },
    { command: 'vitrine release sign release.json --owner-key release.pem' },
    { command: 'vitrine release witness release.json --owner-key me.pem --log seen.json --manifest former.json' },
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
    measurement: {
      type: 'string',
      multiple: true,
      value: 'FILE',
      summary: 'make: reference values of the images that the next, or the former, may run in; may be given again',
      complete: 'file',
    },
    'owner-key': {
      type: 'string',
      value: 'FILE',
      summary: 'sign, witness: your Ed25519 private key (PEM), made with vitrine secrets keygen',
      complete: 'file',
    },
    log: {
      type: 'string',
      value: 'FILE',
      summary: 'witness: where you note what you have seen; made where it is not there',
      complete: 'file',
    },
    manifest: {
      type: 'string',
      value: 'FILE',
      summary: 'witness, at the first sight, and show: the former manifest, or evidence that has it',
      complete: 'file',
    },
    json: { type: 'boolean', summary: 'one object on stdout' },
  },
  notes: [
    'Before you sign, compare the digest with your own: vitrine config hash. A signature cannot be taken back. Without minDelay and witnesses in the former configuration, a release counts from the moment that enough have signed.',
    'A witness runs its command twice: when it hears of the release, and again when the delay has passed by its own clock.',
  ],
  exitCodes: {
    0: 'done; show: whatever it admits',
    1: 'make: the code is not what vitrine.lock says; witness, show: the evidence cannot be read',
    2: 'wrong usage or configuration',
    3: 'make: the package registry could not be asked',
  },
} as const satisfies CommandSpec;
