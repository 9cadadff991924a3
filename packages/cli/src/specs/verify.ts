/**
 * What `vitrine verify` is called with.
 *
 * @module
 */
import type { CommandSpec } from '../command-spec.ts';

const COMPARE = 'What to compare with';
const SIMULATOR = 'Simulator';
const OUTPUT = 'Output';

export const verifySpec = {
  name: 'verify',
  usage: '<url | bundle.json | raw quote> [options]',
  summary: 'Check a URL, a saved bundle or a raw quote',
  description: 'Checks evidence against a policy of yours.',
  positionals: [{ name: 'url | bundle.json | raw quote', complete: 'file' }],
  examples: [
    { command: 'vitrine verify https://bank.example/mcp' },
    { command: 'vitrine verify https://bank.example/mcp --reference reference-values.json --save evidence.json' },
    { command: 'vitrine verify evidence.json --reference reference-values.json --offline' },
    {
      command:
        'vitrine verify quote.bin --preset hardware-only --endorsements collateral.json --at 2026-02-18T14:04:40Z',
    },
    {
      command: 'vitrine verify https://127.0.0.1:8443/mcp --allow-simulator --reference reference-values.json',
    },
  ],
  options: {
    preset: {
      type: 'string',
      value: 'NAME',
      summary: 'strict, default or hardware-only (default: default)',
      complete: ['strict', 'default', 'hardware-only'],
      group: COMPARE,
    },
    policy: {
      type: 'string',
      value: 'FILE',
      summary: 'a policy of your own',
      complete: 'file',
      group: COMPARE,
    },
    reference: {
      type: 'string',
      value: 'FILE',
      summary: 'the registers and manifest digest that a release must have',
      complete: 'file',
      group: COMPARE,
    },
    endorsements: {
      type: 'string',
      multiple: true,
      value: 'PATH',
      summary: 'Intel collateral, AMD certificates and lists: a file or a folder; may be repeated',
      complete: 'file',
      group: COMPARE,
    },
    at: { type: 'string', value: 'TIME', summary: 'judge for this time (RFC 3339) instead of now', group: COMPARE },
    offline: { type: 'boolean', summary: 'fetch nothing from a vendor', group: COMPARE },
    eventlog: {
      type: 'string',
      value: 'FILE',
      summary: 'what was extended into the run-time registers, beside a raw quote',
      complete: 'file',
      group: COMPARE,
    },
    format: {
      type: 'string',
      value: 'NAME',
      summary: 'take raw evidence as tdx, sgx, snp, nitro or tpm instead of looking at its first bytes',
      complete: ['tdx', 'sgx', 'snp', 'nitro', 'tpm'],
      group: COMPARE,
    },
    'tpm-ak': {
      type: 'string',
      value: 'FILE',
      summary: 'the attestation key of a TPM that you trust (PEM); the verdict is then "simulated"',
      complete: 'file',
      group: COMPARE,
    },
    'deny-list': {
      type: 'string',
      multiple: true,
      value: 'FILE',
      summary: 'refuse what this list denies, beside the lists that you keep; may be repeated',
      complete: 'file',
      group: COMPARE,
    },
    'tpm-nonce': {
      type: 'string',
      value: 'HEX',
      summary: 'the qualifying data that you gave for this very TPM quote',
      group: COMPARE,
    },
    'allow-simulator': {
      type: 'boolean',
      summary: 'accept the simulator of this user on a loopback URL; the verdict is "simulated"',
      group: SIMULATOR,
    },
    'simulator-root': {
      type: 'string',
      value: 'FILE',
      summary: 'accept the simulator with this root certificate (PEM)',
      complete: 'file',
      group: SIMULATOR,
    },
    json: { type: 'boolean', summary: 'one AttestationResult object on stdout', group: OUTPUT },
    save: {
      type: 'string',
      value: 'FILE',
      summary: 'keep the evidence bundle of a URL, with the endorsements that were used',
      complete: 'file',
      group: OUTPUT,
    },
  },
  notes: [
    'A policy file begins with { "type": "vitrine/appraisal-policy/v1", "extends": "default" and says what is different.',
  ],
  exitCodes: {
    0: 'verified, or simulated where you allowed it',
    1: 'not verified, or not as you pinned it',
    2: 'wrong usage',
    3: 'could not be checked',
    4: 'simulated evidence where hardware is wanted',
  },
} as const satisfies CommandSpec;
