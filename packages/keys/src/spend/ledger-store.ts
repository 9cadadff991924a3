/**
 * Where the ledger keeps what was reserved, and that place in the sealed store.
 *
 * @module
 */
import type { SealedStore } from '@vitrine/storage';

interface LedgerRecord {
  readonly id: string;
  readonly value: Uint8Array;
}

export interface LedgerStore {
  /** Everything that was appended and not removed, in any order. */
  load(): readonly Uint8Array[];
  /** All or none. Durable when it returns; throws where that failed or is unknown. */
  append(records: readonly LedgerRecord[]): void;
  remove(ids: readonly string[]): void;
}

/** Which records of the sealed store are the ledger's alone. */
export interface LedgerPlace {
  readonly tenant: string;
  readonly collection: string;
}

/** The ledger's records in the sealed store. */
export function sealedLedgerStore(
  store: Pick<SealedStore, 'collection' | 'commit'>,
  { tenant, collection }: LedgerPlace,
): LedgerStore {
  return {
    load: () => {
      const records = store.collection(tenant, collection);
      return records.list().flatMap((id) => records.get(id) ?? []);
    },
    append: (records) => {
      store.commit(records.map(({ id, value }) => ({ tenant, collection, id, value })));
    },
    remove: (ids) => {
      store.commit(ids.map((id) => ({ tenant, collection, id, value: undefined })));
    },
  };
}
