/**
 * A process that writes to a store until something stops it, for tests of what is left then.
 *
 * Arguments: file and one of
 * - `acknowledge`: commits rising numbers, each in two records and one of a ring of others, and says each number
 *   when its commit has returned;
 * - `fill`: makes a store and puts records until one is refused; then removes the file `ballast` beside it, goes
 *   on, and says what happened;
 * - `fill-open`: the same without the ballast and what follows it;
 * - `persist`: puts 30 records, each again until it is taken, and says how many were refused and how many are there
 *   after opening again;
 * - `open`: says how opening went.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Head } from '../head.ts';
import { openSealedStore, type SealedStore } from '../sealed-store.ts';
import { StorageError } from '../storage-error.ts';
import type { SealedStoreOptions } from '../store-options.ts';

const STDOUT = 1;
/** Numbers of the ring of records. */
const RING = 16;
const PERSISTED = 30;

const [file = '', mode = ''] = process.argv.slice(2);
// With a limit on the size of files the system sends this; ignoring it makes the write fail instead.
process.on('SIGXFSZ', () => undefined);

const options: SealedStoreOptions = {
  file,
  key: new Uint8Array(32).fill(7),
  name: 'test',
  create: mode === 'fill',
  epoch: 1,
  randomBytes: (count) => new Uint8Array(randomBytes(count)),
};

function say(text: string): void {
  writeSync(STDOUT, `${text}\n`);
}

function acknowledge(store: SealedStore): never {
  const left = new TextDecoder().decode(store.collection('t', 'pair').get('left'));
  for (let next = Number(left) + 1; ; next++) {
    const value = new TextEncoder().encode(String(next));
    store.commit([
      { tenant: 't', collection: 'pair', id: 'left', value },
      { tenant: 't', collection: 'ring', id: String(next % RING), value: next % 5 === 0 ? undefined : value },
      { tenant: 't', collection: 'pair', id: 'right', value },
    ]);
    say(String(next));
  }
}

function codeOf(error: unknown): string {
  return error instanceof StorageError ? error.code : String(error);
}

/** Puts records until the store refuses one. */
function fill(store: SealedStore): { readonly taken: number; readonly code: string } {
  const many = store.collection('t', 'many');
  for (let taken = 0; ; taken++) {
    try {
      many.put(String(taken), new Uint8Array(10_000).fill(taken));
    } catch (error) {
      return { taken, code: codeOf(error) };
    }
  }
}

/** How many of the records that were taken are there, unharmed. */
function intact(store: SealedStore, taken: number): number {
  const many = store.collection('t', 'many');
  let count = 0;
  for (let place = 0; place < taken; place++) {
    const value = many.get(String(place));
    if (value?.length === 10_000 && value.every((byte) => byte === (place & 0xff))) count++;
  }
  return count;
}

/** The store as it is on the disk, which must be where it was left. */
function reopen({ sequence, digest }: Head): SealedStore {
  const reopened = openSealedStore({ ...options, create: false });
  const head = reopened.head();
  if (head.sequence !== sequence || head.digest !== digest) throw new Error(`the store is at ${head.sequence}`);
  return reopened;
}

function fillAndRecover(store: SealedStore): void {
  const { taken, code } = fill(store);
  const head = store.head();
  const whileFull = intact(store, taken);
  rmSync(join(dirname(file), 'ballast'));
  store.collection('t', 'many').put(String(taken), new Uint8Array(10_000).fill(taken));
  const sequences = [head.sequence, store.head().sequence];
  const last = store.head();
  store.close();
  const reopened = reopen(last);
  say(JSON.stringify({ taken, code, whileFull, sequences, after: intact(reopened, taken + 1) }));
  reopened.close();
}

function persist(store: SealedStore): void {
  const codes: string[] = [];
  for (let place = 0; place < PERSISTED; ) {
    try {
      store.collection('t', 'many').put(String(place), new Uint8Array(10_000).fill(place));
      place++;
    } catch (error) {
      codes.push(codeOf(error));
    }
  }
  const last = store.head();
  store.close();
  const reopened = reopen(last);
  say(JSON.stringify({ codes, after: intact(reopened, PERSISTED) }));
  reopened.close();
}

let store: SealedStore | undefined;
try {
  store = openSealedStore(options);
} catch (error) {
  say(codeOf(error));
}
if (store !== undefined) {
  if (mode === 'acknowledge') acknowledge(store);
  else if (mode === 'fill') fillAndRecover(store);
  else if (mode === 'fill-open') say(JSON.stringify(fill(store)));
  else if (mode === 'persist') persist(store);
  else say('opened');
}
