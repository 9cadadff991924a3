/**
 * The sealed store: records in a SQLite file that holds ciphertext only.
 *
 * Each record is encrypted by itself, tied to its store, tenant, collection, name, version and epoch. The head
 * ties all of them together, so that an older row, a row of another place, a missing or an additional one is
 * noticed when the store is opened; a changed content is noticed when it is read.
 *
 * What is not noticed: an older file put back as a whole, while the store is closed. For that somebody else has
 * to remember {@link SealedStore.head}, and to compare it with that of the store when it was opened.
 *
 * @module
 */
import { resolve } from 'node:path';
import { type Draft, headOf, prepareChanges, type ScopedChange } from './commit.ts';
import { type Database, openDatabase } from './database.ts';
import { missing, prepareFiles } from './files.ts';
import { type Head, showHead, showPrevious } from './head.ts';
import type { LiveRecord, Usage } from './live-records.ts';
import { type Loaded, loadStore } from './load-store.ts';
import { nameBytes } from './names.ts';
import { createScope, type Scope, tenantPrefix } from './place.ts';
import { readRecord, readRecordName } from './record.ts';
import { StorageError } from './storage-error.ts';
import { checkOptions, type SealedStoreOptions } from './store-options.ts';

/** `value` `undefined` deletes. */
export interface Change {
  readonly tenant: string;
  readonly collection: string;
  readonly id: string;
  readonly value: Uint8Array | undefined;
}

export interface Collection {
  readonly get: (id: string) => Uint8Array<ArrayBuffer> | undefined;
  /** @returns The record's version: 1 for a new one, then rising by 1. A deleted record starts again. */
  readonly put: (id: string, value: Uint8Array) => number;
  /** @returns Whether there was one. */
  readonly delete: (id: string) => boolean;
  /** Names in the order of their UTF-16 code units. */
  readonly list: () => string[];
  /** Bytes that the record's content takes in the file, padded; `undefined` where there is none. */
  readonly sizeOf: (id: string) => number | undefined;
}

/** Every method throws StorageError, with code `storage.closed` after `close`; for bad names UsageError. */
export interface SealedStore {
  readonly collection: (tenant: string, name: string) => Collection;
  /**
   * Makes all changes, in their order, or none. Durable on return. After an error nothing of it is visible,
   * but if the machine stops then, it may turn out to have been written.
   */
  readonly commit: (changes: readonly Change[]) => Head;
  /**
   * Runs `work`, which does not wait; all that it changes in the store is one commit, durable on return. Where it
   * throws, none of it is. An error of the store that `work` catches ends the commit all the same.
   *
   * @param work - Is given what says whether anything was changed so far.
   */
  readonly together: <T>(work: (hasChanged: () => boolean) => T) => T;
  readonly head: () => Head;
  /** What the head was before the last commit; `undefined` for a new store. */
  readonly previousHead: () => Head | undefined;
  readonly usage: (tenant: string) => Usage;
  /** Idempotent. */
  readonly close: () => void;
}

/** Scopes are made from hashes that cost more than a look-up; few are in use at a time. */
const KEPT_SCOPES = 1024;

/**
 * Opens a store, and holds it alone until it is closed or the process ends.
 *
 * @throws StorageError, by its code.
 * @throws UsageError `storage.options` for options that cannot be.
 */
export function openSealedStore(options: SealedStoreOptions): SealedStore {
  checkOptions(options);
  const file = resolve(options.file);
  prepareFiles(file, options.create);
  const database = openDatabase(file, options.create);
  if (database === undefined) throw missing(file);
  try {
    return createStore(database, loadStore(database, file, options), options.epoch);
  } catch (error) {
    database.close();
    throw error;
  }
}

/** The commit under way. */
interface Current {
  draft: Draft;
  /** What records were before, in the order of their changes. */
  readonly undo: (readonly [place: Uint8Array, record: LiveRecord | undefined])[];
  failure?: unknown;
}

function createStore(database: Database, { name, keys, live, ...loaded }: Loaded, epoch: number): SealedStore {
  const store = { name, keys, live, epoch };
  let current: Current | undefined;
  let head = loaded.head;
  let lastRow = loaded.lastRow;
  let closed = false;
  const scopes = new Map<string, Scope>();
  const scopeOf = (tenant: string, collection: string): Scope => {
    const key = JSON.stringify([tenant, collection]);
    const kept = scopes.get(key);
    if (kept !== undefined) return kept;
    const scope = createScope(keys.names, tenant, collection);
    if (scopes.size >= KEPT_SCOPES) scopes.clear();
    scopes.set(key, scope);
    return scope;
  };
  const demandOpen = (): void => {
    if (closed) throw new StorageError('storage.closed', 'the store was closed');
  };
  const together = <T>(work: (hasChanged: () => boolean) => T): T => {
    demandOpen();
    const hasChanged = (): boolean => (current?.draft.written.length ?? 0) > 0;
    if (current !== undefined) return work(hasChanged);
    const mine: Current = { draft: { set: head.set, count: head.count, lastRow, written: [] }, undo: [] };
    current = mine;
    try {
      const done = database.transaction(() => {
        const result = work(hasChanged);
        if (mine.failure !== undefined) throw mine.failure;
        if (mine.draft.written.length === 0) return { result, head };
        const next = headOf(store, head, mine.draft);
        next.write(database);
        return { result, head: next.head };
      });
      ({ head } = done);
      ({ lastRow } = mine.draft);
      return done.result;
    } catch (error) {
      for (const [place, record] of mine.undo.reverse()) live.set(place, record);
      throw error;
    } finally {
      current = undefined;
    }
  };
  /** @returns The records that changed, as they are now. */
  const write = (changes: readonly ScopedChange[]): readonly (LiveRecord | undefined)[] => {
    demandOpen();
    const mine = current;
    if (mine === undefined) return together(() => write(changes));
    // After an error SQLite may have ended the transaction: what is written now would stand by itself.
    if (mine.failure !== undefined) throw mine.failure;
    const prepared = prepareChanges(changes, store, mine.draft);
    if (prepared === undefined) return [];
    try {
      prepared.write(database);
    } catch (error) {
      mine.failure = error;
      throw error;
    }
    for (const [place, record] of prepared.after) {
      mine.undo.push([place, live.get(place)]);
      live.set(place, record);
    }
    mine.draft = prepared.draft;
    return prepared.after.map(([, record]) => record);
  };
  const nameOf = (scope: Scope, record: LiveRecord): string => {
    if (record.id !== undefined) return record.id;
    const id = readRecordName(database, keys.labels, { store: name, scope, record });
    live.set(record.place, { ...record, id });
    return id;
  };
  const collection = (tenant: string, collectionName: string): Collection => {
    demandOpen();
    const scope = scopeOf(tenant, collectionName);
    const find = (id: Uint8Array): LiveRecord | undefined => {
      demandOpen();
      return live.get(scope.place(id));
    };
    return {
      get: (idText) => {
        const id = nameBytes('record', idText);
        const record = find(id);
        return record && readRecord(database, keys.records, { store: name, scope, id, record });
      },
      put: (id, value) => {
        const [after] = write([{ scope, id, value }]);
        if (after === undefined) throw new TypeError('a put leaves one record');
        return after.version;
      },
      delete: (id) => {
        return write([{ scope, id, value: undefined }]).length > 0;
      },
      list: () => {
        demandOpen();
        return [...live.within(scope.prefix)].map((record) => nameOf(scope, record)).sort();
      },
      sizeOf: (id) => find(nameBytes('record', id))?.size,
    };
  };
  return {
    collection,
    commit: (changes) => {
      demandOpen();
      write(changes.map(({ tenant, collection: of, id, value }) => ({ scope: scopeOf(tenant, of), id, value })));
      return showHead(head);
    },
    together,
    head: () => {
      demandOpen();
      return showHead(head);
    },
    previousHead: () => {
      demandOpen();
      return showPrevious(head);
    },
    usage: (tenant) => {
      demandOpen();
      return live.usage(tenantPrefix(keys.names, tenant));
    },
    close: () => {
      if (closed) return;
      closed = true;
      keys.wipe();
      database.close();
    },
  };
}
