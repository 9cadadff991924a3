/**
 * The sealed store for a hosted server: JSON documents by collection and id, each principal's apart.
 *
 * @module
 */
import type { KeyClient } from './key-client.ts';

export interface DocumentCollection {
  /** `undefined` where there is none. */
  get(id: string): Promise<unknown>;
  /** Keeps a JSON value, durably when it resolves; gives its version, which rises. */
  put(id: string, document: unknown): Promise<number>;
  /** Whether there was one. */
  delete(id: string): Promise<boolean>;
  /** Ids in order. */
  list(): Promise<readonly string[]>;
}

export interface ServerStore {
  collection(name: string): DocumentCollection;
}

export function serverStore(keys: KeyClient): ServerStore {
  return {
    collection: (collection) => ({
      get: async (id) => (await keys.call('store.get', { collection, id }))?.document,
      put: async (id, document) => (await keys.call('store.put', { collection, id, document })).version,
      delete: async (id) => (await keys.call('store.delete', { collection, id })).deleted,
      list: () => keys.call('store.list', { collection }),
    }),
  };
}
