/**
 * What the store knows of its records while it is open: for each the row, the version, the epoch and the seal
 * that it must have. Read once from the file and checked against the head's digest of the set; from then on a
 * row that says anything else is damaged, also when the file is changed under the running store.
 *
 * About 400 bytes of memory a record. Contents are not kept.
 *
 * @module
 */
import { SEAL_BYTES } from './cipher.ts';
import type { Row } from './database.ts';
import { memberOf, toggle } from './head.ts';
import type { KeyedHash } from './keyed-hash.ts';
import { PLACE_BYTES, placeKey } from './place.ts';
import { StorageError } from './storage-error.ts';

export interface LiveRecord {
  readonly row: number;
  readonly place: Uint8Array;
  readonly version: number;
  readonly epoch: number;
  readonly seal: Uint8Array;
  /** What it adds to the digest of the set. */
  readonly member: Uint8Array;
  /** Bytes that its content takes in the file. */
  readonly size: number;
  /** Its name, once it is known: the file has it in the label. */
  readonly id?: string;
}

/** What is stored, padded: `bytes` counts contents only. */
export interface Usage {
  readonly records: number;
  readonly bytes: number;
}

export interface LiveRecords {
  readonly get: (place: Uint8Array) => LiveRecord | undefined;
  readonly set: (place: Uint8Array, record: LiveRecord | undefined) => void;
  /** All of a collection, by the first part of their places. */
  readonly within: (prefix: Uint8Array) => Iterable<LiveRecord>;
  /** Of a tenant, by the first part of its places. */
  readonly usage: (tenant: Uint8Array) => Usage;
  readonly count: () => number;
}

function createLiveRecords(): LiveRecords {
  const scopes = new Map<string, Map<string, LiveRecord>>();
  const usages = new Map<string, Usage>();
  let count = 0;
  const account = (tenant: string, records: number, bytes: number): void => {
    const before = usages.get(tenant) ?? { records: 0, bytes: 0 };
    const after = { records: before.records + records, bytes: before.bytes + bytes };
    if (after.records === 0) usages.delete(tenant);
    else usages.set(tenant, after);
    count += records;
  };
  return {
    get: (place) => {
      const { scope, record } = placeKey(place);
      return scopes.get(scope)?.get(record);
    },
    set: (place, live) => {
      const { tenant, scope, record } = placeKey(place);
      const records = scopes.get(scope) ?? new Map<string, LiveRecord>();
      const before = records.get(record);
      if (before !== undefined) account(tenant, -1, -before.size);
      if (live === undefined) records.delete(record);
      else {
        records.set(record, live);
        account(tenant, 1, live.size);
      }
      if (records.size === 0) scopes.delete(scope);
      else scopes.set(scope, records);
    },
    within: (prefix) => scopes.get(placeKey(prefix).scope)?.values() ?? [],
    usage: (tenant) => usages.get(placeKey(tenant).tenant) ?? { records: 0, bytes: 0 },
    count: () => count,
  };
}

/**
 * Reads all rows, and what they add up to.
 *
 * @throws StorageError `storage.damaged` for a row that no store writes, and for two with one place.
 */
export function loadLiveRecords(
  rows: Iterable<Row>,
  members: KeyedHash,
): { readonly live: LiveRecords; readonly set: Uint8Array; readonly lastRow: number } {
  const live = createLiveRecords();
  const set = new Uint8Array(32);
  let lastRow = 0;
  for (const { row, place, version, epoch, seal, size } of rows) {
    if (
      !isCount(row) ||
      !isCount(version) ||
      !isCount(epoch) ||
      !isCount(size) ||
      !isBytes(place, PLACE_BYTES) ||
      !isBytes(seal, SEAL_BYTES) ||
      live.get(place) !== undefined
    ) {
      throw new StorageError('storage.damaged', `row ${String(row)} of the store is not as it was written`);
    }
    const member = memberOf(members, { place, version, epoch, seal });
    toggle(set, member);
    live.set(place, { row, place, version, epoch, seal, member, size });
    lastRow = Math.max(lastRow, row);
  }
  return { live, set, lastRow };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isBytes(value: unknown, length: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length === length;
}
