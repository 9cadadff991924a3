/**
 * What `vitrine secrets` is called with.
 *
 * @module
 */
import type { CommandSpec } from '../command-spec.ts';
import { TRUST_OPTIONS } from './trust-options.ts';

export const secretsSpec = {
  name: 'secrets',
  usage: 'seal <name> --to <url> --owner-key <file> | keygen <file> [options]',
  summary: 'Hand a secret to a verified enclave, and to nobody else',
  description:
    'seal verifies the server, encrypts the secret to the key that its evidence names, signs it with your owner key and sends it over the attested connection. The server behind Vitrine never sees a credential: it is added to requests on their way out, where the manifest allows it. keygen makes an owner key.',
  positionals: [
    { name: 'seal | keygen', complete: ['seal', 'keygen'] },
    { name: 'name | file', complete: 'file' },
  ],
  examples: [
    { command: 'vitrine secrets keygen owner.pem', note: 'prints the public key for vitrine.yaml' },
    { command: 'vitrine secrets seal github --to https://bank.example/mcp --owner-key owner.pem < token.txt' },
    { command: 'vitrine secrets seal github --to https://bank.example/mcp --owner-key owner.pem --file token.txt' },
  ],
  options: {
    to: { type: 'string', value: 'URL', summary: 'seal: the server, verified first' },
    'owner-key': {
      type: 'string',
      value: 'FILE',
      summary: 'seal: your Ed25519 private key (PEM), whose public half the manifest names',
      complete: 'file',
    },
    file: { type: 'string', value: 'FILE', summary: 'seal: the secret (default: standard input)', complete: 'file' },
    number: {
      type: 'string',
      value: 'N',
      summary: 'seal: version, which must rise (default: seconds since 1970)',
    },
    ...TRUST_OPTIONS,
    json: { type: 'boolean', summary: 'one object on stdout' },
  },
  notes: [
    'One line break at the end of a credential is left out. A secret is never taken from the command line, which other programs can read.',
  ],
  exitCodes: {
    0: 'done',
    1: 'the server is not verified, or refused the secret',
    2: 'wrong usage or configuration',
    3: 'could not be checked',
    4: 'simulated evidence where hardware is wanted',
  },
} as const satisfies CommandSpec;
