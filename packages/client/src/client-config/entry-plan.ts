/**
 * Plans an edit of a client's configuration: add, replace or remove one entry. Pure: the file's
 * text is given, and what comes out is shown to the user before anything is written.
 *
 * @module
 */
import { isDeepStrictEqual } from 'node:util';
import { UsageError } from '@vitrine/documents';
import type { BridgeEntry } from './bridge-entry.ts';
import { removeJsonMember, setJsonMember } from './json-edit.ts';
import { lineDiff } from './line-diff.ts';
import type { ConfigTarget } from './mcp-clients.ts';
import { parseConfig } from './parse-config.ts';

/** What every known client accepts. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const BOM = '\ufeff';

/** An edit that has not been made yet. */
export interface EntryPlan {
  readonly file: string;
  /** `undefined` where there is no file yet. */
  readonly before: string | undefined;
  readonly after: string;
  readonly change: 'add' | 'replace' | 'remove' | 'none';
  /** Lines to show before it is made; empty when there is nothing to change. */
  readonly diff: readonly string[];
}

/**
 * Plans to set the entry `name`.
 *
 * @param before - The file's text; `undefined` where there is none.
 * @throws UsageError for a bad name, and for a file that is not what the client would write.
 */
export function planEntry(
  target: ConfigTarget,
  name: string,
  entry: BridgeEntry,
  before: string | undefined,
): EntryPlan {
  requireEntryName(name);
  const { bom, text } = split(before);
  const entries = entriesOf(parseConfig(text, target), target);
  const shaped = plain(target.shape(name, entry));
  if (isDeepStrictEqual(plain(entries[name]), shaped)) return noEdit(target.file, before);
  const after = setJsonMember(text, [...target.path, name], shaped);
  requireOnly(target, text, after, name, shaped);
  return plannedEdit(target.file, before, bom + after, Object.hasOwn(entries, name) ? 'replace' : 'add');
}

/**
 * Plans to remove the entry `name`, if it is there.
 *
 * @param url - What the entry must be about: another one of the same name is not ours to remove.
 * @throws UsageError for an entry of another server, and for a file that is not what the client would write.
 */
export function planRemoval(target: ConfigTarget, name: string, url: string, before: string | undefined): EntryPlan {
  requireEntryName(name);
  const { bom, text } = split(before);
  const entries = entriesOf(parseConfig(text, target), target);
  if (before === undefined || !Object.hasOwn(entries, name)) return noEdit(target.file, before);
  requireSameServer(target.file, name, url, entries[name]);
  const after = removeJsonMember(text, [...target.path, name]);
  requireOnly(target, text, after, name, undefined);
  return plannedEdit(target.file, before, bom + after, 'remove');
}

/** @throws UsageError when an entry does not name the server among its arguments. */
export function requireSameServer(file: string, name: string, url: string, entry: unknown): void {
  if (mentions(entry, url)) return;
  throw new UsageError(
    'entry.other',
    `the entry ${JSON.stringify(name)} in ${file} is not about ${url}; nothing was changed. Give its --name, or remove it by hand`,
  );
}

/** @throws UsageError when a client could not use `name`. */
export function requireEntryName(name: string): void {
  if (NAME.test(name)) return;
  throw new UsageError(
    'entry.name',
    `${JSON.stringify(name)} is no name for an entry: use letters, digits, "_" and "-", at most 64`,
  );
}

/** A plan from the two texts. */
export function plannedEdit(
  file: string,
  before: string | undefined,
  after: string,
  change: EntryPlan['change'],
): EntryPlan {
  return { file, before, after, change, diff: lineDiff(before ?? '', after) };
}

/** The plan that changes nothing. */
export function noEdit(file: string, before: string | undefined): EntryPlan {
  return { file, before, after: before ?? '', change: 'none', diff: [] };
}

function split(before: string | undefined): { readonly bom: string; readonly text: string } {
  const bom = before?.startsWith(BOM) === true ? BOM : '';
  const text = (before ?? '').slice(bom.length);
  return { bom, text: text.trim() === '' ? '{}\n' : text };
}

function entriesOf(
  config: Readonly<Record<string, unknown>>,
  { path }: ConfigTarget,
): Readonly<Record<string, unknown>> {
  const found = path.reduce<unknown>(
    (value, key) => (isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined),
    config,
  );
  return isObject(found) ? found : {};
}

/** Reads back what would be written: the entry is as wanted, and nothing else has changed. */
function requireOnly(target: ConfigTarget, before: string, after: string, name: string, wanted: unknown): void {
  const expected = parseConfig(before, target);
  let at = expected as Record<string, unknown>;
  for (const key of target.path) {
    at[key] ??= {};
    at = at[key] as Record<string, unknown>;
  }
  if (wanted === undefined) delete at[name];
  else at[name] = wanted;
  if (!isDeepStrictEqual(plain(parseConfig(after, target)), plain(expected))) {
    throw new Error(`the edit of ${target.file} would change something else; nothing was written`);
  }
}

/** A value as JSON holds it, whatever its objects were made from. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

function mentions(value: unknown, url: string): boolean {
  if (typeof value === 'string') return value === url;
  return typeof value === 'object' && value !== null && Object.values(value).some((inner) => mentions(inner, url));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
