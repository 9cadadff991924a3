/**
 * One record: what its encryption is tied to, and reading it back.
 *
 * @module
 */
import { concatBytes, sameBytes, toHex } from '@vitrine/documents';
import { fields, integers, utf8 } from './bytes.ts';
import { type Cipher, SEAL_BYTES, type Sealed } from './cipher.ts';
import type { Database } from './database.ts';
import type { LiveRecord } from './live-records.ts';
import { formatLabel, readLabel, type Scope } from './place.ts';
import { StorageError } from './storage-error.ts';

const RECORD: Uint8Array = utf8('vitrine/storage/record/v1');
const LABEL: Uint8Array = utf8('vitrine/storage/label/v1');

export interface RecordAddress {
  readonly store: Uint8Array;
  readonly scope: Scope;
  readonly id: Uint8Array;
  readonly version: number;
  readonly epoch: number;
}

/** The associated data of a record's content. */
function associatedData({ store, scope, id, version, epoch }: RecordAddress): Uint8Array {
  return fields(RECORD, store, scope.tenant, scope.collection, id, integers(version), integers(epoch));
}

export function sealRecord(records: Cipher, address: RecordAddress, value: Uint8Array): Sealed {
  return records.seal(associatedData(address), value);
}

/**
 * A record's name, encrypted for the place where it lies. It does not change while the record exists, so it is
 * tied to no version.
 */
export function sealLabel(labels: Cipher, store: Uint8Array, scope: Scope, id: Uint8Array): Uint8Array {
  const { seal, body } = labels.seal(fields(LABEL, store, scope.place(id)), formatLabel(scope, id));
  return concatBytes(seal, body);
}

interface Which {
  readonly store: Uint8Array;
  readonly scope: Scope;
  readonly record: LiveRecord;
}

/** @throws StorageError `storage.damaged`. */
export function readRecord(
  database: Database,
  records: Cipher,
  { store, scope, id, record }: Which & { readonly id: Uint8Array },
): Uint8Array<ArrayBuffer> {
  const { place, version, epoch } = record;
  const {
    place: storedPlace,
    version: storedVersion,
    epoch: storedEpoch,
    seal,
    body,
  } = database.read(record.row) ?? {};
  if (
    storedVersion !== version ||
    storedEpoch !== epoch ||
    !(storedPlace instanceof Uint8Array) ||
    !sameBytes(storedPlace, place) ||
    !(seal instanceof Uint8Array) ||
    !sameBytes(seal, record.seal) ||
    !(body instanceof Uint8Array)
  ) {
    throw damaged(record, 'its row is not the one that was written last');
  }
  const value = records.open(associatedData({ store, scope, id, version, epoch }), { seal, body });
  if (value === undefined) throw damaged(record, 'its content does not pass authentication');
  return value;
}

/** @throws StorageError `storage.damaged`. */
export function readRecordName(database: Database, labels: Cipher, { store, scope, record }: Which): string {
  const { place, label } = database.label(record.row) ?? {};
  if (!(place instanceof Uint8Array) || !sameBytes(place, record.place) || !(label instanceof Uint8Array)) {
    throw damaged(record, 'its row is not the one that was written last');
  }
  const opened = labels.open(fields(LABEL, store, record.place), {
    seal: label.subarray(0, SEAL_BYTES),
    body: label.subarray(SEAL_BYTES),
  });
  const name = opened && readLabel(opened, scope, record.place);
  if (name === undefined) throw damaged(record, 'its name does not pass authentication');
  return name;
}

function damaged({ row, place }: LiveRecord, why: string): StorageError {
  return new StorageError(
    'storage.damaged',
    `the record in row ${row} of the store (place ${toHex(place.subarray(-8))}…) is damaged: ${why}. Restore the whole file`,
  );
}
