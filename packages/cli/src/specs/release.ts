/**
 * What `vitrine release` is called with.
 *
 * @module
 */
import type { CommandSpec } from '../command-spec.ts';

const DENY = 'What to deny';

export const releaseSpec = {
  name: 'release',
  usage: 'make | deny | sign | witness | show <file> [options]',
  summary: 'Let a changed configuration keep keys and data; make deny-lists',
  description:
    'A release lets the next configuration of a server have the keys and data of the one before, where that one says upgrade: signed. make writes it for the vitrine.yaml here, sign adds your signature, witness says when it was seen first, show says what it admits and what is missing; vitrine run --release takes it. deny writes a list of what must not be used any more, or its next number; sign and show are for lists, too, and vitrine pins deny keeps one.',
  positionals: [
    { name: 'make | deny | sign | witness | show', complete: ['make', 'deny', 'sign', 'witness', 'show'] },
    { name: 'file', complete: 'file' },
  ],
  examples: [
    { command: 'vitrine release make release.json', note: 'from what ran here last to vitrine.yaml' },
    { command: 'vitrine release sign release.json --owner-key release.pem' },
    { command: 'vitrine release witness release.json --owner-key me.pem --log seen.json --manifest former.json' },
    { command: 'vitrine release show release.json' },
    { command: 'vitrine release deny list.json --name acme --minimum notes:7', note: 'begins a list' },
    { command: 'vitrine release deny list.json --manifest evidence.json --reason "leaks tokens"' },
    { command: 'vitrine release sign list.json --owner-key release.pem' },
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
      summary:
        'make: reference values of the images that the next, or the former, may run in; deny: of images to deny, whatever manifest they run; may be repeated',
      complete: 'file',
    },
    'owner-key': {
      type: 'string',
      value: 'FILE',
      summary: 'sign, witness; deny, to sign at once: your Ed25519 private key (PEM), made with vitrine secrets keygen',
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
      multiple: true,
      value: 'FILE',
      summary:
        'witness, at the first sight, and show: the former manifest, or evidence that has it; deny: a manifest to deny, evidence that has it, or its digest; may be repeated there',
      complete: 'file',
    },
    name: { type: 'string', value: 'NAME', summary: 'begin a list that is called so', complete: 'none', group: DENY },
    below: {
      type: 'string',
      multiple: true,
      value: 'NAME:N',
      summary: 'deny the manifests of this application with a lower number; may be repeated',
      complete: 'none',
      group: DENY,
    },
    minimum: {
      type: 'string',
      multiple: true,
      value: 'NAME:N',
      summary: 'the lowest number of this application that may be used; can only be raised; may be repeated',
      complete: 'none',
      group: DENY,
    },
    reason: {
      type: 'string',
      value: 'TEXT',
      summary: 'what is wrong with what is denied, or where that is told; users read it',
      complete: 'none',
      group: DENY,
    },
    json: { type: 'boolean', summary: 'one object on stdout' },
  },
  notes: [
    'Before you sign, compare the digest with your own: vitrine config hash. A signature cannot be taken back. Without minDelay and witnesses in the former configuration, a release counts from the moment that enough have signed.',
    'Each deny raises the number of the list, which then has to be signed again. A list can only grow: nothing takes an entry away.',
    'A witness runs its command twice: when it hears of the release, and again when the delay has passed by its own clock.',
  ],
  exitCodes: {
    0: 'done; show: whatever it admits',
    1: 'make: the code is not what vitrine.lock says; witness, show, deny: the evidence cannot be read',
    2: 'wrong usage or configuration, or a list that was changed after it was signed',
    3: 'make: the package registry could not be asked',
  },
} as const satisfies CommandSpec;
