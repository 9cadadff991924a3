/**
 * A commit: what is to be encrypted and written for a list of changes, and what the head is afterwards.
 *
 * A list is worked out before its first byte is written, so one that cannot be made writes nothing. Several lists can
 * be one commit: each is prepared on the draft that the one before it left.
 *
 * @module
 */
import { UsageError } from '@vitrine/documents';
import type { Database } from './database.ts';
import { type FullHead, memberOf, nextHead, sealHead, toggle, type Written } from './head.ts';
import type { LiveRecord, LiveRecords } from './live-records.ts';
import { nameBytes } from './names.ts';
import { placeKey, type Scope } from './place.ts';
import { sealLabel, sealRecord } from './record.ts';
import type { StoreKeys } from './store-keys.ts';

/** Of one record's content. */
const MAX_VALUE_BYTES: number = 16 << 20;
const NO_SEAL: Uint8Array = new Uint8Array(0);

/** A change with its collection looked up; `value` `undefined` deletes. */
export interface ScopedChange {
  readonly scope: Scope;
  readonly id: string;
  readonly value: Uint8Array | undefined;
}

/** What the commit under way has come to so far. */
export interface Draft {
  /** Digest of the set of records. */
  readonly set: Uint8Array;
  readonly count: number;
  readonly lastRow: number;
  readonly written: readonly Written[];
}

interface Store {
  readonly name: Uint8Array;
  readonly keys: StoreKeys;
  readonly live: LiveRecords;
  readonly epoch: number;
}

export interface PreparedChanges {
  readonly draft: Draft;
  /** Each record that changes, as it is when the changes have been written. */
  readonly after: readonly (readonly [place: Uint8Array, record: LiveRecord | undefined])[];
  /** To be called in a transaction. */
  readonly write: (database: Database) => void;
}

/**
 * @returns `undefined` where nothing would change.
 * @throws UsageError for a bad name or a content that is too large.
 */
export function prepareChanges(
  changes: readonly ScopedChange[],
  { name, keys, live, epoch }: Store,
  before: Draft,
): PreparedChanges | undefined {
  const staged = new Map<string, readonly [Uint8Array, LiveRecord | undefined]>();
  const writes: ((database: Database) => void)[] = [];
  const written: Written[] = [];
  const set = Uint8Array.from(before.set);
  let { count, lastRow } = before;

  for (const change of changes) {
    const { scope } = change;
    const id = nameBytes('record', change.id);
    const place = scope.place(id);
    const { scope: scopeKey, record: recordKey } = placeKey(place);
    const key = scopeKey + recordKey;
    const earlier = staged.get(key);
    const current = earlier === undefined ? live.get(place) : earlier[1];
    if (current === undefined && change.value === undefined) continue;
    if (current !== undefined) toggle(set, current.member);
    if (change.value === undefined) {
      if (current === undefined) continue;
      const { row, version } = current;
      writes.push((database) => database.remove(row));
      written.push({ place, version, epoch: current.epoch, seal: NO_SEAL });
      staged.set(key, [place, undefined]);
      count--;
      continue;
    }
    if (change.value.length > MAX_VALUE_BYTES) {
      throw new UsageError(
        'storage.value',
        `a record has ${MAX_VALUE_BYTES} bytes at most, not ${change.value.length}; split it`,
      );
    }
    const version = (current?.version ?? 0) + 1;
    const { seal, body } = sealRecord(keys.records, { store: name, scope, id, version, epoch }, change.value);
    const record = { place, version, epoch, seal, body };
    const member = memberOf(keys.members, record);
    toggle(set, member);
    written.push({ place, version, epoch, seal });
    const row = current?.row ?? ++lastRow;
    if (current === undefined) {
      const label = sealLabel(keys.labels, name, scope, id);
      writes.push((database) => database.insert(row, record, label));
      count++;
    } else writes.push((database) => database.update(row, record));
    staged.set(key, [place, { row, place, version, epoch, seal, member, size: body.length, id: change.id }]);
  }

  if (written.length === 0) return undefined;
  return {
    draft: { set, count, lastRow, written: [...before.written, ...written] },
    after: [...staged.values()],
    write: (database) => {
      for (const write of writes) write(database);
    },
  };
}

/** The head that a draft becomes, to be written in its transaction. */
export function headOf(
  { name, keys, epoch }: Store,
  before: FullHead,
  { written, count, set }: Draft,
): { readonly head: FullHead; readonly write: (database: Database) => void } {
  const head = nextHead(before, epoch, written, { count, set });
  const { seal, body } = sealHead(keys, name, head);
  return { head, write: (database) => database.updateHead(seal, body) };
}
