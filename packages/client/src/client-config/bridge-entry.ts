/**
 * The command line by which an MCP client starts the bridge. It always names an exact version: the
 * bridge is part of what is trusted.
 *
 * @module
 */
import { readFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { UsageError } from '@vitrine/documents';

export interface BridgeEntry {
  readonly command: string;
  readonly args: readonly string[];
  /** Only what the bridge needs besides what the client's own environment has. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface EntryOptions {
  /** This Node. */
  readonly execPath: string;
  /** Where the client runs. */
  readonly platform: NodeJS.Platform;
  /** Folder of the package `@vitrine/client`; that of this module by default. */
  readonly packageDirectory?: string;
  /** Further arguments of the bridge, such as `--policy` and its file. */
  readonly extra?: readonly string[];
  /** `VITRINE_HOME` where it is set: an MCP client started elsewhere would look for the pins in another place. */
  readonly vitrineHome?: string;
}

/**
 * The entry for a normalised URL: through npx where this package came from a registry, otherwise
 * with the absolute paths of this Node and this package.
 */
export async function bridgeEntry(url: string, options: EntryOptions): Promise<BridgeEntry> {
  const directory = options.packageDirectory ?? OWN_PACKAGE;
  const extra = options.extra ?? [];
  const version = await bridgeVersion(directory);
  const start =
    version === undefined
      ? { command: options.execPath, args: [join(directory, 'bin', 'vitrine-connect.js'), url, ...extra] }
      : npxBridge(version, [url, ...extra], options.platform);
  return options.vitrineHome === undefined ? start : { ...start, env: { VITRINE_HOME: options.vitrineHome } };
}

/** The bridge of exactly `version`, fetched by npx. On Windows that is a script, which only `cmd` can start. */
export function npxBridge(version: string, args: readonly string[], platform: NodeJS.Platform): BridgeEntry {
  const npx = ['-y', `@vitrine/client@${version}`, ...args];
  if (platform === 'win32') refuseSpecial(npx);
  return platform === 'win32' ? { command: 'cmd', args: ['/c', 'npx', ...npx] } : { command: 'npx', args: npx };
}

/** Quoted or not, `cmd` gives some characters a meaning: `%CD%`, which a URL may hold, is a folder's name. */
function refuseSpecial(args: readonly string[]): void {
  const found = args.find((arg) => /[%!^&|<>()"\r\n]/.test(arg));
  if (found === undefined) return;
  throw new UsageError(
    'entry.cmd',
    `${JSON.stringify(found)} has a character that cmd on Windows would change; expected an address without it`,
  );
}

const OWN_PACKAGE: string = join(import.meta.dirname, '..', '..');

/** The installed version, if npm's own record says that it was fetched from a registry. */
export async function bridgeVersion(packageDirectory: string = OWN_PACKAGE): Promise<string | undefined> {
  const inside = join('node_modules', '@vitrine', 'client');
  if (!packageDirectory.endsWith(`${sep}${inside}`)) return undefined;
  const root = packageDirectory.slice(0, -inside.length);
  try {
    const lock: unknown = JSON.parse(await readFile(join(root, 'node_modules', '.package-lock.json'), 'utf8'));
    const { packages } = lock as { readonly packages?: Record<string, { version?: string; resolved?: string }> };
    const found = packages?.['node_modules/@vitrine/client'];
    return found?.resolved?.startsWith('https://') === true ? found.version : undefined;
  } catch {
    return undefined;
  }
}

/** A name for the entry, made from the host: letters, digits and hyphens. */
export function entryName(url: string): string {
  const { hostname, port } = new URL(url);
  const name = `${hostname}${port === '' ? '' : `-${port}`}`.replace(/[^a-z0-9]+/gi, '-').replace(/^-+|-+$/g, '');
  return name.slice(0, 64);
}
