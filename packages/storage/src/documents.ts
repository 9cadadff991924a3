/**
 * JSON documents of one tenant in a sealed store: what a hosted server gets of it.
 *
 * A document is kept in its canonical form (RFC 8785), and what cannot be read back as the same value is
 * refused when it is put. The quota counts what is really kept: contents padded to their buckets.
 *
 * @module
 */
import { canonicalBytes, JsonSyntaxError, type JsonValue, parseStrictJson, UsageError } from '@vitrine/documents';
import { type NameLimits, nameBytes } from './names.ts';
import { bucketSize } from './padding.ts';
import type { Collection, SealedStore } from './sealed-store.ts';
import { StorageError } from './storage-error.ts';

export interface DocumentLimits {
  /** Of one document, in its canonical form. */
  readonly documentBytes: number;
  /** Nesting of arrays and objects; a scalar has depth 0. At most 64. */
  readonly depth: number;
  /** Of the tenant. */
  readonly documents: number;
  /** Of the tenant, each document padded to its bucket. */
  readonly bytes: number;
}

export const DEFAULT_DOCUMENT_LIMITS: DocumentLimits = {
  documentBytes: 256 << 10,
  depth: 32,
  documents: 10_000,
  bytes: 64 << 20,
};

export interface DocumentStore {
  /** `undefined` where there is none; `null` is a document. */
  readonly get: (collection: string, id: string) => JsonValue | undefined;
  /** @returns The document's version, from 1. */
  readonly put: (collection: string, id: string, document: unknown) => number;
  /** @returns Whether there was one. */
  readonly delete: (collection: string, id: string) => boolean;
  readonly list: (collection: string) => string[];
}

const NAMES: NameLimits = { characters: 128, bytes: 255 };
/** Keeps documents apart from what else is in the store, whatever the tenant is called. */
const TENANT_PREFIX = 'documents/';

/**
 * The methods throw UsageError (`storage.name`, `storage.document`, `storage.quota`) for what the server has to
 * change, and StorageError.
 */
export function createDocuments(store: SealedStore, tenant: string, limits: DocumentLimits): DocumentStore {
  const owner = `${TENANT_PREFIX}${tenant}`;
  const open = (collection: string, id: string): Collection => {
    nameBytes('collection', collection, NAMES);
    nameBytes('document', id, NAMES);
    return store.collection(owner, collection);
  };
  return {
    get: (collection, id) => {
      const bytes = open(collection, id).get(id);
      return bytes && decode(bytes);
    },
    put: (collection, id, document) => {
      const records = open(collection, id);
      const bytes = encode(document, limits);
      const before = records.sizeOf(id);
      const used = store.usage(owner);
      if (before === undefined && used.records >= limits.documents) {
        throw overQuota(`${used.records} documents are stored, and ${limits.documents} are allowed`);
      }
      const after = used.bytes - (before ?? 0) + bucketSize(bytes.length);
      // Less is always allowed: a quota that was lowered must not keep documents from shrinking.
      if (after > limits.bytes && after > used.bytes) {
        throw overQuota(`all documents would take ${after} bytes, and ${limits.bytes} are allowed`);
      }
      return records.put(id, bytes);
    },
    delete: (collection, id) => open(collection, id).delete(id),
    list: (collection) => {
      nameBytes('collection', collection, NAMES);
      return store.collection(owner, collection).list();
    },
  };
}

function overQuota(why: string): UsageError {
  return new UsageError('storage.quota', `${why}; delete documents, or make them smaller`);
}

function encode(document: unknown, { documentBytes, depth }: DocumentLimits): Uint8Array {
  checkValue(document, depth);
  const bytes = canonicalBytes(document);
  if (bytes.length > documentBytes) {
    throw overQuota(`the document has ${bytes.length} bytes, and ${documentBytes} are allowed`);
  }
  try {
    parseStrictJson(new TextDecoder().decode(bytes));
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw notJson(`could not be read back: ${error.message}`);
  }
  return bytes;
}

function decode(bytes: Uint8Array): JsonValue {
  try {
    return parseStrictJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    throw new StorageError('storage.damaged', 'a document of the store is no JSON', error);
  }
}

function checkValue(value: unknown, depth: number): asserts value is JsonValue {
  if (value === null || typeof value === 'boolean') return;
  if (typeof value === 'number' && Number.isFinite(value)) return;
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw notJson('holds text that is not well-formed Unicode');
    return;
  }
  if (typeof value !== 'object') throw notJson(`holds a value that JSON has not (${typeof value})`);
  if (depth === 0) throw notJson('nests too deeply');
  if (Array.isArray(value)) {
    // By index, since holes are values that JSON has not, too.
    for (let index = 0; index < value.length; index++) checkValue(value[index], depth - 1);
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw notJson('holds an object that is not plain');
  for (const [key, member] of Object.entries(value)) {
    if (!key.isWellFormed()) throw notJson('holds a key that is not well-formed Unicode');
    checkValue(member, depth - 1);
  }
}

function notJson(why: string): UsageError {
  return new UsageError('storage.document', `the document ${why}; a document is a JSON value`);
}
