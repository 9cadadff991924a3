/**
 * What `vitrine keys` is called with.
 *
 * @module
 */
import type { CommandSpec } from '../command-spec.ts';
import { TRUST_OPTIONS } from './trust-options.ts';

export const keysSpec = {
  name: 'keys',
  usage: 'ls <url> | explain <request.json> [options]',
  summary: 'Show a server’s keys and policies, or what a policy decides',
  description:
    'ls verifies a server and shows its keys: where they come from, what they may sign, what they are derived from, and who else can derive it; and which credentials it uses where. explain shows what the policy in vitrine.yaml decides of a request, and why; nothing is signed.',
  positionals: [
    { name: 'ls | explain', complete: ['ls', 'explain'] },
    { name: 'url | request.json', complete: 'file' },
  ],
  examples: [
    { command: 'vitrine keys ls https://bank.example/mcp' },
    { command: 'vitrine keys ls https://127.0.0.1:8443/mcp --allow-simulator --reference reference-values.json' },
    { command: 'vitrine keys explain request.json', note: 'by the vitrine.yaml in this folder' },
    { command: 'vitrine keys explain request.json --config wallet/vitrine.yaml --tool send --principal alice' },
  ],
  options: {
    ...TRUST_OPTIONS,
    config: {
      type: 'string',
      value: 'FILE',
      summary: 'explain: configuration with the policy (default: vitrine.yaml here)',
      complete: 'file',
    },
    tool: {
      type: 'string',
      multiple: true,
      value: 'NAME',
      summary: 'explain: a tool whose call is running; may be repeated',
    },
    principal: { type: 'string', value: 'NAME', summary: 'explain: who asks (default: anybody)' },
    at: { type: 'string', value: 'TIME', summary: 'explain: decide for this time (RFC 3339) instead of now' },
    json: { type: 'boolean', summary: 'one object on stdout' },
  },
  notes: [
    'A request file is what a server would send: { "method": "evm.signTransaction", "params": { "key": "hot", "transaction": "0x02…" } }. The types of typed data must have EIP712Domain.',
    'What was spent already is known to the running service alone, so limits are named and not judged. The simulator also refuses chains of real value, whatever the policy says.',
  ],
  exitCodes: {
    0: 'ls: verified, or simulated where you allowed it; explain: allowed, perhaps once confirmed or approved',
    1: 'ls: not verified; explain: denied, or refused as unreadable',
    2: 'wrong usage or configuration',
    3: 'ls: could not be checked',
    4: 'ls: simulated evidence where hardware is wanted',
  },
} as const satisfies CommandSpec;
