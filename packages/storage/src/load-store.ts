/**
 * What a store finds in its file when it is opened: its keys, its head, and all records, judged together.
 *
 * @module
 */
import { sameBytes } from '@vitrine/documents';
import type { Database } from './database.ts';
import { missing } from './files.ts';
import { type FullHead, firstHead, openHead, sealHead } from './head.ts';
import { type LiveRecords, loadLiveRecords } from './live-records.ts';
import { nameBytes } from './names.ts';
import { StorageError } from './storage-error.ts';
import { deriveStoreKeys, SALT_BYTES, type StoreKeys } from './store-keys.ts';
import type { SealedStoreOptions } from './store-options.ts';

export interface Loaded {
  readonly name: Uint8Array;
  readonly keys: StoreKeys;
  readonly head: FullHead;
  readonly live: LiveRecords;
  readonly lastRow: number;
}

export function loadStore(
  database: Database,
  file: string,
  { key, name, epoch, randomBytes, create }: SealedStoreOptions,
): Loaded {
  const storeName = nameBytes('store', name);
  // Only a store whose making was cut short has tables and nothing in them; it never acknowledged anything.
  if (database.head() === undefined && [...database.scan()].length === 0) {
    if (!create) throw missing(file);
    initialise(database, { key, storeName, epoch, randomBytes });
  }
  const { salt, seal, body } = database.head() ?? {};
  if (!(salt instanceof Uint8Array) || !(seal instanceof Uint8Array) || !(body instanceof Uint8Array)) {
    throw damagedHead();
  }
  const keys = deriveStoreKeys(key, salt, storeName, randomBytes);
  try {
    const head = openHead(keys, storeName, { seal, body });
    if (head === undefined) throw damagedHead();
    const { live, set, lastRow } = loadLiveRecords(database.scan(), keys.members);
    if (live.count() !== head.count || !sameBytes(set, head.set)) {
      throw new StorageError(
        'storage.damaged',
        `the ${live.count()} records of the store are not the ${head.count} of its last commit: some are older, missing or from elsewhere. Restore the whole file`,
      );
    }
    checkEpoch(head, epoch);
    return { name: storeName, keys, head, live, lastRow };
  } catch (error) {
    keys.wipe();
    throw error;
  }
}

function damagedHead(): StorageError {
  return new StorageError(
    'storage.damaged',
    'the head of the store cannot be opened: the file was damaged or replaced, or it was sealed under another key or name',
  );
}

function checkEpoch(head: FullHead, epoch: number): void {
  if (head.epoch <= epoch) return;
  throw new StorageError(
    'storage.rolled-back',
    `the store was last written in epoch ${head.epoch}, and it is opened in epoch ${epoch}: what counts the epochs is older than the store`,
  );
}

function initialise(
  database: Database,
  {
    key,
    storeName,
    epoch,
    randomBytes,
  }: {
    readonly key: Uint8Array;
    readonly storeName: Uint8Array;
    readonly epoch: number;
    readonly randomBytes: (count: number) => Uint8Array;
  },
): void {
  const salt = randomBytes(SALT_BYTES);
  if (salt.length !== SALT_BYTES) throw new TypeError(`randomBytes gave ${salt.length} bytes, not ${SALT_BYTES}`);
  const keys = deriveStoreKeys(key, salt, storeName, randomBytes);
  const { seal, body } = sealHead(keys, storeName, firstHead(storeName, salt, epoch));
  database.transaction(() => database.insertHead(salt, seal, body));
  keys.wipe();
}
