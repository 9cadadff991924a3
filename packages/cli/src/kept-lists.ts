/**
 * The kept deny-lists for `vitrine pins`: keeping one, and showing what it says.
 *
 * @module
 */
import { denyListsFile, type KeptDenyList, keepDenyList, readDenyList, readKeptDenyLists } from '@vitrine/client';
import { nearest, UsageError } from '@vitrine/documents';
import type { DenyListKeys } from '@vitrine/verifier';
import { entryLine, listLines } from './deny-list-lines.ts';
import { userHome } from './home.ts';
import type { Terminal } from './terminal.ts';

const PREFIX = 'list:';

/** The name in `list:NAME`; `undefined` for anything else, such as a URL. */
export function listName(given: string): string | undefined {
  return given.startsWith(PREFIX) ? given.slice(PREFIX.length) : undefined;
}

/** @throws UsageError that names the nearest list. */
export async function requireKept(name: string): Promise<KeptDenyList> {
  const { lists } = await readKeptDenyLists(denyListsFile(userHome()));
  const kept = Object.hasOwn(lists, name) ? lists[name] : undefined;
  if (kept !== undefined) return kept;
  const near = nearest(name, Object.keys(lists));
  const hint = near === undefined ? '; "vitrine pins ls" lists what is kept' : `; did you mean ${PREFIX}${near}?`;
  throw new UsageError('denylist.unknown', `no deny-list ${JSON.stringify(name)} is kept${hint}`);
}

export interface KeepFlags {
  readonly key?: readonly string[];
  readonly threshold?: string;
}

/** Keeps the list in `file`; gives lines for people and an object for programs. */
export async function keepFile(
  file: string,
  flags: KeepFlags,
): Promise<{ readonly text: string; readonly json: object }> {
  const given = givenKeys(flags);
  const list = await readDenyList(file);
  const kept = await keepDenyList(denyListsFile(userHome()), list, given);
  const { name, number, issued } = list;
  const how = { new: 'is kept', newer: 'is kept in place of an older one', same: 'is kept already' }[kept];
  return {
    text: `the deny-list "${name}" number ${number} of ${issued} ${how}: it applies to every server`,
    json: { type: 'vitrine/deny-list-kept/v1', name, number, kept },
  };
}

function givenKeys({ key, threshold }: KeepFlags): DenyListKeys | undefined {
  if (key === undefined) {
    if (threshold === undefined) return undefined;
    throw new UsageError('usage.flag', '--threshold says how many of the keys in --key have to sign; give them too');
  }
  const bad = key.find((one) => !/^[0-9a-f]{64}$/.test(one));
  if (bad !== undefined) {
    throw new UsageError('usage.key', `--key: expected 64 lower-case hexadecimal digits, found ${JSON.stringify(bad)}`);
  }
  if (new Set(key).size !== key.length) throw new UsageError('usage.key', '--key: the same key is given twice');
  const least = threshold === undefined ? 1 : Number(/^[1-9][0-9]?$/.exec(threshold)?.[0] ?? 0);
  if (least < 1 || least > key.length) {
    throw new UsageError('usage.threshold', `--threshold: expected 1 to ${key.length}, the number of keys`);
  }
  return { keys: key, threshold: least };
}

/** One line for `pins ls`. */
export function listSummary({ list, keys, threshold }: KeptDenyList): string {
  const { name, number, issued, denied, minimum } = list;
  const entries = denied.length + minimum.length;
  return `${PREFIX}${name}\n  number ${number} of ${issued.slice(0, 10)}, ${entries} ${entries === 1 ? 'entry' : 'entries'}, signed by ${threshold} of ${keys.length} ${keys.length === 1 ? 'key' : 'keys'}`;
}

/** All that it says, for `pins show`. */
export function listText(kept: KeptDenyList, { width }: Terminal): string {
  return [
    listSummary(kept),
    '',
    'Keys',
    ...kept.keys.map((key) => entryLine(key, width)),
    ...listLines(kept.list, width),
    '',
  ].join('\n');
}
