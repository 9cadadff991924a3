/**
 * The command line by which an MCP client starts the bridge. It always names an exact version: the
 * bridge is part of what is trusted.
 *
 * @module
 */
import { readFile } from 'node:fs/promises';
import { join, sep } from 'node:path';

export interface BridgeEntry {
  readonly command: string;
  readonly args: readonly string[];
  /** Only what the bridge needs besides what the client's own environment has. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface EntryOptions {
  /** This Node. */
  readonly execPath: string;
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
  const directory = options.packageDirectory ?? join(import.meta.dirname, '..', '..');
  const extra = options.extra ?? [];
  const version = await registryVersion(directory);
  const start =
    version === undefined
      ? { command: options.execPath, args: [join(directory, 'bin', 'vitrine-connect.js'), url, ...extra] }
      : { command: 'npx', args: ['-y', `@vitrine/client@${version}`, url, ...extra] };
  return options.vitrineHome === undefined ? start : { ...start, env: { VITRINE_HOME: options.vitrineHome } };
}

/** The installed version, if npm's own record says that it was fetched from a registry. */
async function registryVersion(directory: string): Promise<string | undefined> {
  const inside = join('node_modules', '@vitrine', 'client');
  if (!directory.endsWith(`${sep}${inside}`)) return undefined;
  const root = directory.slice(0, -inside.length);
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
