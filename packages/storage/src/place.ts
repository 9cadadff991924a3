/**
 * Where a record lies: keyed hashes of its tenant, its collection and its own name. The real names stand only
 * in the record's label, encrypted, so that a collection can be listed.
 *
 * Whoever sees the file learns which records share a tenant or a collection, and no name.
 *
 * @module
 */
import { concatBytes, sameBytes } from '@vitrine/documents';
import { fields, readFields, utf8 } from './bytes.ts';
import type { KeyedHash } from './keyed-hash.ts';
import { nameBytes } from './names.ts';

const HASH_BYTES = 16;
export const PLACE_BYTES: number = 3 * HASH_BYTES;

const TENANT: Uint8Array = utf8('vitrine/storage/place/tenant/v1');
const COLLECTION: Uint8Array = utf8('vitrine/storage/place/collection/v1');
const RECORD: Uint8Array = utf8('vitrine/storage/place/record/v1');

/** A collection of a tenant. */
export interface Scope {
  readonly tenant: Uint8Array;
  readonly collection: Uint8Array;
  /** The first two thirds of the place of each of its records. */
  readonly prefix: Uint8Array;
  readonly place: (id: Uint8Array) => Uint8Array;
}

/** @throws UsageError `storage.name`. */
export function createScope(names: KeyedHash, tenantName: string, collectionName: string): Scope {
  const tenant = nameBytes('tenant', tenantName);
  const collection = nameBytes('collection', collectionName);
  const short = (...parts: readonly Uint8Array[]): Uint8Array => names.digest(fields(...parts)).subarray(0, HASH_BYTES);
  const prefix = concatBytes(short(TENANT, tenant), short(COLLECTION, tenant, collection));
  return { tenant, collection, prefix, place: (id) => concatBytes(prefix, short(RECORD, tenant, collection, id)) };
}

/** The place of everything of a tenant begins with this. */
export function tenantPrefix(names: KeyedHash, tenantName: string): Uint8Array {
  return names.digest(fields(TENANT, nameBytes('tenant', tenantName))).subarray(0, HASH_BYTES);
}

/** Places as the keys of maps. */
export function placeKey(place: Uint8Array): {
  readonly tenant: string;
  readonly scope: string;
  readonly record: string;
} {
  const text = Buffer.from(place.buffer, place.byteOffset, place.byteLength).toString('latin1');
  return {
    tenant: text.slice(0, HASH_BYTES),
    scope: text.slice(0, 2 * HASH_BYTES),
    record: text.slice(2 * HASH_BYTES),
  };
}

/** What a record's label says. */
export function formatLabel({ tenant, collection }: Scope, id: Uint8Array): Uint8Array {
  return fields(tenant, collection, id);
}

/** The record's name; `undefined` unless the label is that of a record of `scope` at `place`. */
export function readLabel(label: Uint8Array, scope: Scope, place: Uint8Array): string | undefined {
  const [tenant, collection, id, more] = readFields(label) ?? [];
  if (tenant === undefined || collection === undefined || id === undefined || more !== undefined) return undefined;
  if (!sameBytes(tenant, scope.tenant) || !sameBytes(collection, scope.collection)) return undefined;
  if (!sameBytes(scope.place(id), place)) return undefined;
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(id);
}
