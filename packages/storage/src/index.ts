/**
 * The sealed store: SQLite that holds ciphertext only, and documents in it.
 *
 * @module
 */

export { createDocuments, DEFAULT_DOCUMENT_LIMITS, type DocumentLimits, type DocumentStore } from './documents.ts';
export type { Head } from './head.ts';
export type { Usage } from './live-records.ts';
export { type Change, type Collection, openSealedStore, type SealedStore } from './sealed-store.ts';
export { StorageError, type StorageErrorCode } from './storage-error.ts';
export type { SealedStoreOptions } from './store-options.ts';
