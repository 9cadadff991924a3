/**
 * deny-lists.json: the deny-lists that a user keeps, each under the keys whose word the user took for it at first.
 * A kept list applies to every server. Its number never falls.
 *
 * @module
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type DenyList,
  denyListShape,
  denyListSigned,
  hex,
  type Infer,
  integer,
  list,
  mapOf,
  object,
  oneOf,
  parseDenyList,
  type Shape,
  sameBytes,
  UsageError,
} from '@vitrine/documents';
import { type DenyListKeys, goodSigners, isSignedBy } from '@vitrine/verifier';
import { changeGuarded, type GuardedFile, readGuarded } from '../pins/guarded-file.ts';

const kept = object({
  /** Ed25519 public keys of the issuer. */
  keys: list(hex(32)),
  /** How many of them have to sign. */
  threshold: integer(1),
  list: denyListShape,
});

const shape = object({
  type: oneOf('vitrine/kept-deny-lists/v1'),
  /** By the list's own name. */
  lists: mapOf(/^[a-z0-9._-]{1,64}$/, kept),
});

export type KeptDenyList = Infer<typeof kept>;
export type KeptDenyLists = Infer<typeof shape>;
const keptShape: Shape<KeptDenyLists> = shape;

/** The file in a Vitrine home directory. */
export function denyListsFile(home: string): string {
  return join(home, 'deny-lists.json');
}

function guarded(file: string): GuardedFile<KeptDenyLists> {
  return {
    file,
    shape: keptShape,
    none: { type: 'vitrine/kept-deny-lists/v1', lists: {} },
    code: 'denylist',
    called: 'the file of kept deny-lists',
    damaged: 'nothing is known to be allowed',
  };
}

/** @throws UsageError for a file that cannot be read or is damaged. */
export function readKeptDenyLists(file: string): Promise<KeptDenyLists> {
  return readGuarded(guarded(file));
}

/**
 * Reads a list that the user names. It has to be signed, and every signature has to be good: who leaves an entry
 * out must not go unnoticed.
 *
 * @throws UsageError (`denylist.signature`, or that of the reader).
 */
export async function readDenyList(file: string): Promise<DenyList> {
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageError('denylist.unreadable', `cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
  const read = parseDenyList(content, file);
  const good = await goodSigners(read);
  if (read.signatures.length === 0) throw new UsageError('denylist.signature', `${file} is not signed by anybody`);
  const bad = read.signatures.find(({ key }) => !good.includes(key));
  if (bad !== undefined || good.length !== read.signatures.length) {
    throw new UsageError(
      'denylist.signature',
      `${file} was changed after it was signed, or the signature of ${bad?.key ?? good[0]} is of something else; get it anew`,
    );
  }
  return read;
}

/** What became of a list: there for the first time, in place of an older one, or there already. */
export type Kept = 'new' | 'newer' | 'same';

/**
 * Keeps a list from {@link readDenyList}.
 *
 * @param given - Whose word the user takes for it: needed the first time, and the same ever after.
 * @throws UsageError (`denylist.keys`, `denylist.older`).
 */
export async function keepDenyList(file: string, denyList: DenyList, given?: DenyListKeys): Promise<Kept> {
  const { name } = denyList;
  const before = entryOf(await readKeptDenyLists(file), name);
  const keys = keysFor(denyList, before, given);
  await requireSigned(denyList, keys);
  let outcome: Kept = 'new';
  await changeGuarded(guarded(file), (stored) => {
    const now = entryOf(stored, name);
    if (now !== undefined) {
      keysFor(denyList, now, keys);
      requireNotOlder(denyList, now.list);
      outcome = now.list.number === denyList.number ? 'same' : 'newer';
      if (outcome === 'same') return stored;
    }
    return { ...stored, lists: { ...stored.lists, [name]: { ...keys, list: denyList } } };
  });
  return outcome;
}

/** Forgets a list and its number; gives what was there. */
export async function forgetDenyList(file: string, name: string): Promise<KeptDenyList | undefined> {
  let removed: KeptDenyList | undefined;
  await changeGuarded(guarded(file), (stored) => {
    removed = entryOf(stored, name);
    if (removed === undefined) return stored;
    const { [name]: _, ...lists } = stored.lists;
    return { ...stored, lists };
  });
  return removed;
}

/**
 * What is held against a server: all kept lists, and those that the user names now, which take the place of kept
 * ones of the same name.
 *
 * @throws UsageError (`denylist.keys`, `denylist.older`) for one that could not be kept in place of what is.
 */
export async function denyListsAtHand(file: string, given: readonly DenyList[]): Promise<readonly DenyList[]> {
  const stored = await readKeptDenyLists(file);
  for (const one of given) {
    const before = entryOf(stored, one.name);
    if (before === undefined) continue;
    await requireSigned(one, before);
    requireNotOlder(one, before.list);
  }
  const names = given.map(({ name }) => name);
  const others = Object.entries(stored.lists).filter(([name]) => !names.includes(name));
  return [...others.map(([, { list: one }]) => one), ...given];
}

function entryOf({ lists }: KeptDenyLists, name: string): KeptDenyList | undefined {
  return Object.hasOwn(lists, name) ? lists[name] : undefined;
}

function keysFor(denyList: DenyList, before: KeptDenyList | undefined, given: DenyListKeys | undefined): DenyListKeys {
  const { name, signatures } = denyList;
  if (given === undefined) {
    if (before !== undefined) return { keys: before.keys, threshold: before.threshold };
    const signers = [...new Set(signatures.map(({ key }) => key))].join(', ');
    throw new UsageError(
      'denylist.keys',
      `whose word do you take for the deny-list "${name}"? Give the issuer's keys with --key, from where you trust them; it is signed by ${signers}`,
    );
  }
  const keys = { keys: given.keys.toSorted(), threshold: given.threshold };
  if (
    before !== undefined &&
    JSON.stringify(keys) !== JSON.stringify({ keys: before.keys, threshold: before.threshold })
  ) {
    throw new UsageError(
      'denylist.keys',
      `you keep a deny-list "${name}" under other keys: ${before.threshold} of ${before.keys.join(', ')}. If its issuer has new ones, forget it first: vitrine pins rm list:${name}`,
    );
  }
  return keys;
}

async function requireSigned(denyList: DenyList, { keys, threshold }: DenyListKeys): Promise<void> {
  if (await isSignedBy(denyList, { keys, threshold })) return;
  const signers = [...new Set(denyList.signatures.map(({ key }) => key))].join(', ') || 'nobody';
  throw new UsageError(
    'denylist.keys',
    `the deny-list "${denyList.name}" number ${denyList.number} needs the signatures of ${threshold} of ${keys.join(', ')}, and is signed by ${signers}`,
  );
}

function requireNotOlder(denyList: DenyList, before: DenyList): void {
  const { name, number } = denyList;
  if (number > before.number) return;
  if (number === before.number && sameBytes(denyListSigned(denyList), denyListSigned(before))) return;
  throw new UsageError(
    'denylist.older',
    number === before.number
      ? `this deny-list "${name}" has number ${number}, as the one that you keep, and says something else; ask its issuer`
      : `this deny-list "${name}" has number ${number}; you have seen number ${before.number}`,
  );
}
