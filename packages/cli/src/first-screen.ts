/**
 * What `vitrine run` shows when the server is ready: where it is, what was measured, and what to copy.
 *
 * @module
 */
import type { Manifest, ServerSource } from '@vitrine/documents';
import type { Obtained } from '@vitrine/enclave';
import type { SpawnedKeyService } from '@vitrine/keys/client';
import type { PlatformName } from './platform/choice.ts';
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
  readonly platform: PlatformName;
  /** What a user at this machine can give to `verify` and `add`, as flags. */
  readonly trust: readonly string[];
  readonly keys: {
    /** What separates the key service from other processes. */
    readonly isolation: SpawnedKeyService['obtained'];
    /** Where there is one; `isNew`: it was made at this start. */
    readonly appRoot?: { readonly id: string; readonly isNew: boolean };
  };
}

const SHOWN: readonly string[] = [
  'Sandbox',
  'Files',
  'May connect to',
  'Callers',
  'Keys',
  'Signer',
  'Credentials',
  'Documents',
  'Can change it',
];

/** The screen, or with `json` one object on one line. */
export function firstScreen(hosted: Hosted, json: boolean, terminal: Terminal): string {
  const { url, manifest, manifestDigest, platform, trust, sandbox, keys } = hosted;
  const verify = ['npx', 'vitrine', 'verify', url, ...trust];
  const add = ['npx', 'vitrine', 'add', url, ...trust, '--client', 'claude-desktop'];
  if (json) {
    return `${JSON.stringify({ type: 'vitrine/running/v1', url, platform, sandbox: sandbox.obtained, keyService: keys.isolation, ...(keys.appRoot === undefined ? {} : { appRoot: keys.appRoot }), manifest, manifestDigest, ...referenceOf(trust), verify, add })}\n`;
  }
  const line = (name: string, text: string): string =>
    `  ${name.padEnd(14)} ${wrap(text, terminal.width, ' '.repeat(17))}`;
  return [
    `${terminal.style('bold', `vitrine ${VERSION}`)}  ${headline(platform, terminal)}`,
    '',
    line('URL', terminal.style('cyan', url)),
    line('Server', clean(describe(manifest.server.source))),
    line('Manifest', `${clean(manifest.name)} number ${manifest.number}, ${manifestDigest.slice(0, 16)}…`),
    ...surroundingLines(hosted).map(([label, text]) => line(label, text)),
    ...keyLines(hosted).map(([label, text]) => line(label, text)),
    '',
    'Look at it:',
    `  ${printedCommand(verify, process.platform)}`,
    'Pin it and put it into a client:',
    `  ${printedCommand(add, process.platform)}`,
    ...handIn(hosted, trust),
    ...elsewhere(platform, trust, terminal.width),
    '',
    terminal.style('dim', 'Ctrl-C stops it.'),
    '',
  ].join('\n');
}

const CALLED: Readonly<Record<Exclude<PlatformName, 'simulator' | 'tpm'>, string>> = {
  tdx: 'Intel TDX',
  'sev-snp': 'AMD SEV-SNP',
  dstack: 'dstack',
  coco: 'Confidential Containers',
};

/** Whether it is genuine is for verifiers to say, never for the machine itself. */
function headline(platform: PlatformName, terminal: Terminal): string {
  if (platform === 'simulator') {
    return terminal.style(['bold', 'magenta'], 'SIMULATOR: no hardware protects this server');
  }
  if (platform === 'tpm') {
    return terminal.style(['bold', 'magenta'], 'TPM: memory is not protected from whoever runs this machine');
  }
  return `${CALLED[platform]}: to be verified by who uses it`;
}

/** What whoever verifies a real platform has to have from elsewhere: this machine cannot vouch for itself. */
function elsewhere(platform: PlatformName, trust: readonly string[], width: number): readonly string[] {
  if (platform === 'simulator') return [];
  const built =
    'What should run is for who built the image to say, not for this machine: give its reference values with --reference FILE. Without them verify says "undetermined", and add trusts what it meets first.';
  const key = `Whoever verifies from another machine also needs ${trust[1] ?? 'the key of this TPM'}, by a way that they trust: no vendor vouches for it.`;
  return ['', ...(platform === 'tpm' ? [built, key] : [built]).map((text) => wrap(text, width, ''))];
}

/** Where the reference values of this run are, where there are any. */
function referenceOf(trust: readonly string[]): { readonly referenceValues?: string } {
  const at = trust.indexOf('--reference');
  const file = at === -1 ? undefined : trust[at + 1];
  return file === undefined ? {} : { referenceValues: file };
}

/** How its owner hands in what the server waits for; the command is of the first, and `secret` is a file of theirs. */
function handIn({ manifest: { credentials = {}, keys = {} }, url }: Hosted, trust: readonly string[]): string[] {
  const imported = Object.keys(keys).filter((name) => keys[name]?.origin === 'imported');
  const names = [...Object.keys(credentials), ...imported];
  const [name] = names;
  if (name === undefined) return [];
  const seal = ['npx', 'vitrine', 'secrets', 'seal', name, '--to', url, '--owner-key', 'owner.pem', '--file', 'secret'];
  return [`Hand in ${names.join(', ')}, once:`, `  ${printedCommand([...seal, ...trust], process.platform)}`];
}

/** What holds the server, and why it is not more; the rest of its surroundings is shown by `verify`. */
function surroundingLines({ manifest, sandbox }: Hosted): readonly (readonly [string, string])[] {
  const why = sandbox.why === undefined ? '' : ` (${sandbox.why})`;
  const hint =
    sandbox.obtained.process === 'bwrap' && manifest.egress === undefined && manifest.credentials === undefined
      ? ' (--egress HOST:PORT allows it)'
      : '';
  const added: Readonly<Record<string, string>> = { Sandbox: why, 'May connect to': hint };
  return surroundings(manifest, sandbox.obtained)
    .filter(([label]) => SHOWN.includes(label))
    .map(([label, text]) => [label, clean(`${text}${added[label] ?? ''}`)]);
}

/** How far the key service is apart, and the root that service keys come from. */
function keyLines({ keys: { isolation, appRoot } }: Hosted): readonly (readonly [string, string])[] {
  const user = isolation.uid === 'own' ? 'a user of its own' : 'the same user as this process';
  const network = isolation.network === 'none' ? 'no network' : 'the network of this machine';
  return [
    ['Key service', `a process of its own: ${user}, ${network}`],
    ...(appRoot === undefined
      ? []
      : [['Root', `${appRoot.id.slice(0, 16)}…${appRoot.isNew ? ', made at this start' : ''}`] as const]),
  ];
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
