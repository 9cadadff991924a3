/**
 * The head of a store: how many commits there were, a digest over all of them in their order, that digest one
 * commit ago, and a digest of the set of records as it now is. It is written, authenticated, in the transaction of
 * each commit.
 *
 * The digest of the set is the sum (exclusive or) of a keyed hash of each record's place, version, epoch and
 * seal. It can be kept up to date at the cost of one record, and it is never seen in clear: without that, sums
 * that collide could be looked for among the records of the past.
 *
 * @module
 */
import { timingSafeEqual } from 'node:crypto';
import { concatBytes, toHex } from '@vitrine/documents';
import { fields, integers, readInteger, utf8 } from './bytes.ts';
import type { Sealed } from './cipher.ts';
import { type KeyedHash, sha256 } from './keyed-hash.ts';

export interface HeadKeys {
  /** Authenticates heads. */
  readonly heads: KeyedHash;
  /** Hides the digest of the set. */
  readonly masks: KeyedHash;
}

/** What an anchor elsewhere has to remember to notice an older file. */
export interface Head {
  /** 0 for a new store; rises by 1 with each commit. */
  readonly sequence: number;
  /** SHA-256 over the previous digest and the commit's records, lower-case hexadecimal. */
  readonly digest: string;
}

export interface FullHead {
  readonly sequence: number;
  readonly digest: Uint8Array;
  /** The digest before the last commit; zeros in a new store. */
  readonly previous: Uint8Array;
  /** Epoch of the last commit. */
  readonly epoch: number;
  /** Number of records. */
  readonly count: number;
  /** Digest of the set of records. */
  readonly set: Uint8Array;
}

/** One record as a commit leaves it. */
export interface Written {
  readonly place: Uint8Array;
  readonly version: number;
  readonly epoch: number;
  /** Empty for a record that was deleted; version and epoch are then those that it had. */
  readonly seal: Uint8Array;
}

const HASH_BYTES = 32;
const NUMBERS_BYTES = 24;
const GENESIS: Uint8Array = utf8('vitrine/storage/genesis/v1');
const COMMIT: Uint8Array = utf8('vitrine/storage/commit/v1');
const HEAD: Uint8Array = utf8('vitrine/storage/head/v1');

export function showHead({ sequence, digest }: FullHead): Head {
  return { sequence, digest: toHex(digest) };
}

/** The head before the last commit; `undefined` for a new store. */
export function showPrevious({ sequence, previous }: FullHead): Head | undefined {
  return sequence === 0 ? undefined : { sequence: sequence - 1, digest: toHex(previous) };
}

export function firstHead(storeName: Uint8Array, salt: Uint8Array, epoch: number): FullHead {
  const digest = sha256(fields(GENESIS, storeName, salt));
  return {
    sequence: 0,
    digest,
    previous: new Uint8Array(HASH_BYTES),
    epoch,
    count: 0,
    set: new Uint8Array(HASH_BYTES),
  };
}

export function nextHead(
  previous: FullHead,
  epoch: number,
  written: readonly Written[],
  { count, set }: { readonly count: number; readonly set: Uint8Array },
): FullHead {
  const sequence = previous.sequence + 1;
  const items = written.flatMap((one) => [integers(one.version, one.epoch, one.seal.length), one.place, one.seal]);
  const digest = sha256(fields(COMMIT), previous.digest, integers(sequence, epoch, written.length), ...items);
  return { sequence, digest, previous: previous.digest, epoch, count, set };
}

/** What a record adds to the digest of the set. */
export function memberOf(members: KeyedHash, { place, version, epoch, seal }: Written): Uint8Array {
  return members.digest(place, integers(version, epoch), seal);
}

/** Adds a record to the digest of a set, or takes it away again. */
export function toggle(set: Uint8Array, member: Uint8Array): void {
  for (let index = 0; index < set.length; index++) set[index] = (set[index] ?? 0) ^ (member[index] ?? 0);
}

/**
 * The head as it is written: its numbers, its digest, the one before it and the masked digest of the set, and an
 * authentication code (HMAC-SHA-256) over all of it.
 *
 * The mask is a keyed hash of what names the commit. Two heads with one mask would have one digest of all commits,
 * and so one set: there is nothing to learn from them.
 */
export function sealHead({ heads, masks }: HeadKeys, storeName: Uint8Array, head: FullHead): Sealed {
  const numbers = integers(head.sequence, head.epoch, head.count);
  const set = Uint8Array.from(head.set);
  toggle(set, masks.digest(numbers, head.digest));
  const body = concatBytes(numbers, head.digest, head.previous, set);
  return { seal: heads.digest(fields(HEAD, storeName, body)), body };
}

/** `undefined` for anything but a head of this very store. */
export function openHead(
  { heads, masks }: HeadKeys,
  storeName: Uint8Array,
  { seal, body }: Sealed,
): FullHead | undefined {
  if (body.length !== NUMBERS_BYTES + 3 * HASH_BYTES || seal.length !== HASH_BYTES) return undefined;
  if (!timingSafeEqual(seal, heads.digest(fields(HEAD, storeName, body)))) return undefined;
  const digest = body.slice(NUMBERS_BYTES, NUMBERS_BYTES + HASH_BYTES);
  const previous = body.slice(NUMBERS_BYTES + HASH_BYTES, NUMBERS_BYTES + 2 * HASH_BYTES);
  const set = body.slice(NUMBERS_BYTES + 2 * HASH_BYTES);
  toggle(set, masks.digest(body.subarray(0, NUMBERS_BYTES), digest));
  const [sequence, epoch, count] = [readInteger(body, 0), readInteger(body, 8), readInteger(body, 16)];
  return { sequence, digest, previous, epoch, count, set };
}
