/**
 * The sealed store as those see it who let something leave on the strength of it: each change is acknowledged when it
 * is durable and, where there is an anchor, when the anchor has moved.
 *
 * @module
 */
import type { AnchoredHead } from '@vitrine/attester';
import type { SealedStore } from '@vitrine/storage';

export interface LastingState {
  /**
   * Runs `work`, which changes the store or throws before it has changed anything, and resolves when what it did may
   * have effects. Several can be one commit.
   *
   * @throws What `work` throws, StorageError, StateError. After `keys.anchor-unavailable` the change may be there.
   */
  commit<T>(work: () => T): Promise<T>;
  /** Runs `work`, which reads, and resolves when what it saw cannot be undone any more. @throws as `commit`. */
  read<T>(work: () => T): Promise<T>;
  /**
   * Resolves when the anchor has said, asked after this call, that no other copy has moved it. For what leaves without
   * a change of the store. @throws StateError
   */
  confirm(): Promise<void>;
  /** At least as far as anything that was acknowledged. @throws StateError `keys.state-moved`. */
  head(): AnchoredHead;
  /** @throws StateError `keys.state-moved`, once that is known. */
  demandNewest(): void;
  /** Resolves with that error when it becomes known; otherwise it never settles. */
  readonly outdated: Promise<Error>;
  /** What is under way is finished or refused. Does not close the store. Never throws. */
  close(): Promise<void>;
}

/** Of a store that nobody remembers. */
export function unanchoredState(store: SealedStore): LastingState {
  return {
    commit: async (work) => work(),
    read: async (work) => work(),
    confirm: async () => undefined,
    head: () => store.head(),
    demandNewest: () => undefined,
    outdated: new Promise(() => undefined),
    close: async () => undefined,
  };
}
