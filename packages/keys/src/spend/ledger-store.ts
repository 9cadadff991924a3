/**
 * Where the ledger keeps what was reserved, and that place in the sealed store.
 *
 * @module
 */
import type { SealedStore } from '@vitrine/storage';
import type { LastingState } from '../anchor/lasting-state.ts';

interface LedgerRecord {
  readonly id: string;
  readonly value: Uint8Array;
}

export interface LedgerStore {
  /** Everything that was appended and not removed, in any order. */
  load(): readonly Uint8Array[];
  /** All or none. Durable when it returns, or resolves; throws or rejects where that failed or is unknown. */
  append(records: readonly LedgerRecord[]): void | Promise<void>;
  remove(ids: readonly string[]): void | Promise<void>;
  /** @throws StateError where the store turned out not to be the newest. */
  demandNewest?(): void;
  /** Resolves when it is known that the store is the newest. @throws StateError */
  confirm?(): Promise<void>;
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

/** The same, where a record is kept when the anchor of the store has moved. */
export function lastingLedgerStore(
  state: Pick<LastingState, 'commit' | 'confirm' | 'demandNewest'>,
  sealed: LedgerStore,
): LedgerStore {
  return {
    load: () => sealed.load(),
    append: (records) => state.commit(() => void sealed.append(records)),
    remove: (ids) => state.commit(() => void sealed.remove(ids)),
    demandNewest: () => state.demandNewest(),
    confirm: () => state.confirm(),
  };
}
