/**
 * What `vitrine run` shows when the server is ready: where it is, what was measured, and what to copy.
 *
 * @module
 */
import type { Manifest, ServerSource } from '@vitrine/documents';
import type { Obtained } from '@vitrine/enclave';
import { printedCommand } from './printed-command.ts';
import { surroundings } from './surroundings.ts';
import { clean, type Terminal, wrap } from './terminal.ts';
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

const SHOWN: readonly string[] = ['Sandbox', 'Files', 'May connect to', 'Callers'];

/** The screen, or with `json` one object on one line. */
export function firstScreen(hosted: Hosted, json: boolean, terminal: Terminal): string {
  const { url, manifest, manifestDigest, referenceValues, sandbox } = hosted;
  const trust = ['--allow-simulator', '--reference', referenceValues];
  const verify = ['npx', 'vitrine', 'verify', url, ...trust];
  const add = ['npx', 'vitrine', 'add', url, ...trust, '--client', 'claude-desktop'];
  if (json) {
    return `${JSON.stringify({ type: 'vitrine/running/v1', url, platform: 'simulator', sandbox: sandbox.obtained, manifest, manifestDigest, referenceValues, verify, add })}\n`;
  }
  const line = (name: string, text: string): string =>
    `  ${name.padEnd(14)} ${wrap(text, terminal.width, ' '.repeat(17))}`;
  return [
    `${terminal.style('bold', `vitrine ${VERSION}`)}  ${terminal.style(['bold', 'magenta'], 'SIMULATOR: no hardware protects this server')}`,
    '',
    line('URL', terminal.style('cyan', url)),
    line('Server', clean(describe(manifest.server.source))),
    line('Manifest', `${clean(manifest.name)} number ${manifest.number}, ${manifestDigest.slice(0, 16)}…`),
    ...surroundingLines(hosted).map(([label, text]) => line(label, text)),
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

/** What holds the server, and why it is not more; the rest of its surroundings is shown by `verify`. */
function surroundingLines({ manifest, sandbox }: Hosted): readonly (readonly [string, string])[] {
  const why = sandbox.why === undefined ? '' : ` (${sandbox.why})`;
  const hint =
    sandbox.obtained.process === 'bwrap' && manifest.egress === undefined ? ' (--egress HOST:PORT allows it)' : '';
  const added: Readonly<Record<string, string>> = { Sandbox: why, 'May connect to': hint };
  return surroundings(manifest, sandbox.obtained)
    .filter(([label]) => SHOWN.includes(label))
    .map(([label, text]) => [label, clean(`${text}${added[label] ?? ''}`)]);
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
