/**
 * What `vitrine run` shows when the server is ready: where it is, what was measured, and what to copy.
 *
 * @module
 */
import type { Manifest, ServerSource } from '@vitrine/documents';
import type { Obtained } from '@vitrine/enclave';
import { printedCommand } from './printed-command.ts';
import { clean, type Terminal } from './terminal.ts';
import { VERSION } from './version.ts';

export interface Hosted {
  readonly url: string;
  readonly manifest: Manifest;
  readonly manifestDigest: string;
  readonly sandbox: {
    readonly obtained: Obtained;
    /** Why there is none, where there is none. */
    readonly why?: string;
  };
  /** The file with the reference values of this run. */
  readonly referenceValues: string;
}

/** The screen, or with `json` one object on one line. */
export function firstScreen(hosted: Hosted, json: boolean, terminal: Terminal): string {
  const { url, manifest, manifestDigest, referenceValues, sandbox } = hosted;
  const trust = ['--allow-simulator', '--reference', referenceValues];
  const verify = ['npx', 'vitrine', 'verify', url, ...trust];
  const add = ['npx', 'vitrine', 'add', url, ...trust, '--client', 'claude-desktop'];
  if (json) {
    return `${JSON.stringify({ type: 'vitrine/running/v1', url, platform: 'simulator', sandbox: sandbox.obtained, manifest, manifestDigest, referenceValues, verify, add })}\n`;
  }
  const line = (name: string, text: string): string => `  ${name.padEnd(9)} ${text}`;
  return [
    `${terminal.style('bold', `vitrine ${VERSION}`)}  ${terminal.style(['bold', 'magenta'], 'SIMULATOR: no hardware protects this server')}`,
    '',
    line('URL', terminal.style('cyan', url)),
    line('Server', clean(describe(manifest.server.source))),
    line('Manifest', `${clean(manifest.name)} number ${manifest.number}, ${manifestDigest.slice(0, 16)}…`),
    line('Sandbox', describeSandbox(sandbox)),
    line('Reaches', describeEgress(manifest, sandbox.obtained)),
    line('Callers', describeCallers(manifest)),
    '',
    'Look at it:',
    `  ${printedCommand(verify, process.platform)}`,
    'Pin it and put it into a client:',
    `  ${printedCommand(add, process.platform)}`,
    '',
    terminal.style('dim', 'Ctrl-C stops it.'),
    '',
  ].join('\n');
}

function describeSandbox({ obtained, why }: Hosted['sandbox']): string {
  if (obtained.process === 'none') return `none (${clean(why ?? '')}): the server is an ordinary process of yours`;
  const parts = [
    obtained.seccomp ? 'system calls filtered' : 'system calls NOT filtered',
    obtained.cgroup ? 'memory and processes limited' : 'memory and processes NOT limited',
    obtained.volume === 'ephemeral' ? 'files in memory, gone with it' : `files ${obtained.volume}`,
  ];
  return `bubblewrap, ${parts.join(', ')}`;
}

function describeEgress({ egress = [] }: Manifest, { process }: Obtained): string {
  const hosts = clean(egress.map(({ host, port }) => `${host}:${port}`).join(', '));
  if (process === 'none') return 'any address, since no sandbox holds it back';
  return hosts === '' ? 'no address (--egress HOST:PORT allows one)' : `${hosts}, and nothing else`;
}

function describeCallers({ auth, isolation }: Manifest): string {
  const shared = isolation === 'shared' ? ', who share one server' : '';
  if (auth === undefined || auth.kind === 'none') return `anybody on this machine${shared}`;
  if (auth.kind === 'bearer')
    return `who has one of these tokens: ${clean(Object.keys(auth.tokens).join(', '))}${shared}`;
  return `who has a token of ${clean(auth.issuer)}${shared}`;
}

function describe(source: ServerSource): string {
  switch (source.kind) {
    case 'npm':
      return `npm:${source.package}@${source.version}, tree ${source.tree.slice(0, 16)}…`;
    case 'path':
      return `a folder, tree ${source.tree.slice(0, 16)}…, started by ${source.entry}`;
    case 'oci':
      return `an image, ${source.image.slice(0, 23)}…, tree ${source.tree.slice(0, 16)}…`;
    case 'module':
      return `a module, tree ${source.tree.slice(0, 16)}…, ${source.entry}`;
    case 'command':
      return `${source.command} (code not measured)`;
  }
}
