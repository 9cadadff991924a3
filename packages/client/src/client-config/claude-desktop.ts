/**
 * Claude Desktop's configuration: where it is, and the edit that adds a server to it.
 *
 * The file belongs to another program. It is edited as text, backed up first, and left alone when
 * it cannot be understood.
 *
 * @module
 */
import { posix, win32 } from 'node:path';
import { parseJsonFile, UsageError } from '@vitrine/documents';
import type { Environment } from '../pins/vitrine-home.ts';
import type { BridgeEntry } from './bridge-entry.ts';
import { setJsonMember } from './json-edit.ts';
import { lineDiff } from './line-diff.ts';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Path of the configuration file. */
export function claudeDesktopFile(env: Environment, platform: NodeJS.Platform, homedir: string): string {
  const name = 'claude_desktop_config.json';
  if (platform === 'win32') {
    return win32.join(env['APPDATA'] || win32.join(homedir, 'AppData', 'Roaming'), 'Claude', name);
  }
  if (platform === 'darwin') return posix.join(homedir, 'Library', 'Application Support', 'Claude', name);
  const { XDG_CONFIG_HOME } = env;
  const base = XDG_CONFIG_HOME?.startsWith('/') ? XDG_CONFIG_HOME : posix.join(homedir, '.config');
  return posix.join(base, 'Claude', name);
}

export interface ClientEntry {
  readonly file: string;
  /** Under which name the server appears. */
  readonly name: string;
  readonly entry: BridgeEntry;
}

/** An edit that has not been made yet. */
export interface EntryPlan {
  readonly file: string;
  /** `undefined` where there is no file yet. */
  readonly before: string | undefined;
  readonly after: string;
  /** Lines to show before it is made; empty when the entry is there already. */
  readonly diff: readonly string[];
}

/**
 * Plans the edit. Pure: `before` is the file's text.
 *
 * @throws UsageError for a bad name, and for a file that is not what Claude Desktop would write.
 */
export function planClientEntry({ file, name, entry }: ClientEntry, before: string | undefined): EntryPlan {
  if (!NAME.test(name)) {
    throw new UsageError(
      'entry.name',
      `${JSON.stringify(name)} is no name for an entry: use letters, digits, ".", "_", "-"`,
    );
  }
  const text = before === undefined || before.trim() === '' ? '{}\n' : before;
  const config = parseJsonFile(text, file);
  const servers = requireObject(config, file, 'the top level')['mcpServers'];
  const existing = servers === undefined ? undefined : requireObject(servers, file, '"mcpServers"')[name];
  const after = same(existing, entry) ? text : setJsonMember(text, ['mcpServers', name], entry);
  return { file, before, after, diff: lineDiff(before ?? '', after) };
}

function requireObject(value: unknown, file: string, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new UsageError('entry.shape', `${file}: ${what} is not an object; nothing was changed`);
}

function same(existing: unknown, entry: BridgeEntry): boolean {
  return JSON.stringify(existing) === JSON.stringify(entry);
}
