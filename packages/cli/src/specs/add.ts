/**
 * What `vitrine add` is called with.
 *
 * @module
 */
import type { CommandSpec } from '../command-spec.ts';

const COMPARE = 'What to compare with';

/** What shells offer; the names of add-mcp are not loaded for that. */
const CLIENTS = [
  'claude-desktop',
  'claude-code',
  'vscode',
  'vscode-insiders',
  'cursor',
  'windsurf',
  'zed',
  'codex',
  'gemini-cli',
  'opencode',
] as const;

export const addSpec = {
  name: 'add',
  usage: '<url> [options]',
  summary: 'Verify a server, pin it, and put it into an MCP client',
  description:
    'Verifies a server, pins it, and puts the verifying bridge into MCP clients. From then on `vitrine connect <url>` accepts this code and configuration only, and refuses any change.',
  positionals: [{ name: 'url' }],
  examples: [
    { command: 'vitrine add https://bank.example/mcp --client claude-desktop' },
    { command: 'vitrine add https://bank.example/mcp --client vscode --scope project' },
    { command: 'vitrine add https://bank.example/mcp --client codex --dry-run' },
    { command: 'vitrine add https://bank.example/mcp --reference reference-values.json --print' },
    { command: 'vitrine add https://bank.example/mcp --mcpb bank.mcpb' },
    { command: 'vitrine add https://bank.example/mcp --client cursor --uninstall' },
  ],
  options: {
    client: {
      type: 'string',
      multiple: true,
      value: 'NAME',
      summary:
        'edit the configuration of claude-desktop, claude-code, vscode, cursor, or of another client by its name in add-mcp; may be repeated',
      complete: CLIENTS,
    },
    scope: {
      type: 'string',
      value: 'SCOPE',
      summary: 'user (the default), or project: the file in the current folder, for clients that have one',
      complete: ['user', 'project'],
    },
    print: {
      type: 'boolean',
      summary: 'print the entry on stdout, in the form of --client if given, and edit nothing',
    },
    mcpb: {
      type: 'string',
      value: 'FILE',
      summary: 'write a bundle that verifies by itself on another machine, for clients that install such files',
      complete: 'file',
    },
    name: { type: 'string', value: 'NAME', summary: 'what the client calls the server (default: made from the host)' },
    'dry-run': { type: 'boolean', summary: 'show everything, write nothing: no pin and no file' },
    uninstall: { type: 'boolean', summary: 'take the entry out of --client again; the pin stays' },
    yes: { type: 'boolean', summary: 'do not ask' },
    preset: {
      type: 'string',
      value: 'NAME',
      summary: 'strict or default (the default); hardware-only leaves nothing to pin',
      complete: ['strict', 'default'],
      group: COMPARE,
    },
    policy: {
      type: 'string',
      value: 'FILE',
      summary: 'a policy of your own; the pin keeps it',
      complete: 'file',
      group: COMPARE,
    },
    reference: {
      type: 'string',
      value: 'FILE',
      summary: 'registers and manifest digest of a release; without it the first contact is trusted, after you said so',
      complete: 'file',
      group: COMPARE,
    },
    endorsements: {
      type: 'string',
      multiple: true,
      value: 'PATH',
      summary: 'Intel collateral; may be repeated',
      complete: 'file',
      group: COMPARE,
    },
    offline: { type: 'boolean', summary: 'fetch nothing from Intel', group: COMPARE },
    'deny-list': {
      type: 'string',
      multiple: true,
      value: 'FILE',
      summary: 'refuse what this list denies, beside the lists that you keep; may be repeated',
      complete: 'file',
      group: COMPARE,
    },
    'tpm-ak': {
      type: 'string',
      value: 'FILE',
      summary: 'the attestation key of a TPM that you trust (PEM); the pin keeps it, and it never reads as verified',
      complete: 'file',
      group: COMPARE,
    },
    'allow-simulator': {
      type: 'boolean',
      summary: 'accept the simulator of this user, on a loopback URL',
      group: COMPARE,
    },
    'simulator-root': {
      type: 'string',
      value: 'FILE',
      summary: 'accept the simulator with this root certificate (PEM)',
      complete: 'file',
      group: COMPARE,
    },
  },
  notes: [
    'Every change of a configuration is shown first. The old file is kept beside it, and comments and other entries stay.',
    '--uninstall needs no network. `vitrine pins rm` forgets the server, too.',
  ],
  exitCodes: {
    0: 'pinned, or as wished with --dry-run and --uninstall',
    1: 'not verified, or you said no',
    2: 'wrong usage',
    3: 'could not be checked',
    4: 'simulated evidence where hardware is wanted',
  },
} as const satisfies CommandSpec;
