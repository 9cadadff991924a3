/**
 * What `vitrine run` shows when the server is ready: where it is, what was measured, and what to copy.
 *
 * @module
 */
import type { Manifest, ServerSource } from '@vitrine/documents';
import { printedCommand } from './printed-command.ts';
import { clean, type Terminal } from './terminal.ts';
import { VERSION } from './version.ts';

export interface Hosted {
  readonly url: string;
  readonly manifest: Manifest;
  readonly manifestDigest: string;
  /** The file with the reference values of this run. */
  readonly referenceValues: string;
}

/** The screen, or with `json` one object on one line. */
export function firstScreen(hosted: Hosted, json: boolean, terminal: Terminal): string {
  const { url, manifest, manifestDigest, referenceValues } = hosted;
  const trust = ['--allow-simulator', '--reference', referenceValues];
  const verify = ['npx', 'vitrine', 'verify', url, ...trust];
  const add = ['npx', 'vitrine', 'add', url, ...trust, '--client', 'claude-desktop'];
  if (json) {
    return `${JSON.stringify({ type: 'vitrine/running/v1', url, platform: 'simulator', sandbox: 'none', manifest, manifestDigest, referenceValues, verify, add })}\n`;
  }
  const line = (name: string, text: string): string => `  ${name.padEnd(9)} ${text}`;
  return [
    `${terminal.style('bold', `vitrine ${VERSION}`)}  ${terminal.style(['bold', 'magenta'], 'SIMULATOR: no hardware protects this server')}`,
    '',
    line('URL', terminal.style('cyan', url)),
    line('Server', clean(describe(manifest.server.source))),
    line('Manifest', `${clean(manifest.name)} number ${manifest.number}, ${manifestDigest.slice(0, 16)}…`),
    line('Sandbox', 'none: the server is an ordinary process of yours'),
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
