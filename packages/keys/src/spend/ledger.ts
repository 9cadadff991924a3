/**
 * The ledger of what keys have spent against their limits.
 *
 * A request reserves before anything is signed: all limits are checked and charged in one step, in
 * memory, so parallel requests cannot pass one limit together. The reservation is then made durable; the
 * signature may leave only after that. What is charged stays so until its window has passed, or until the
 * caller releases it because no signature was made.
 *
 * Time is a clock that nobody sets. Without a freshness anchor it begins anew with each boot, and the store may be
 * an older copy; so after a restart the windows of keys that live on count as spent until a whole window has passed.
 * With one the records in the store are all there are, the clock goes on where it was, and windows hold what they held.
 *
 * @module
 */
import type { VitrineError } from '@vitrine/documents';
import { StateError } from '../anchor/state-error.ts';
import type { Asker } from '../intent.ts';
import type { Charge } from '../policy/charges.ts';
import type { LoadedLimit } from '../policy/loaded-policy.ts';
import { LedgerError } from './ledger-error.ts';
import type { LedgerStore } from './ledger-store.ts';
import { type Limit, type Part, partsOf, type Refusal, type Room } from './room.ts';
import { decodeRecord, encodeRecord, recordId, recordOf, type SpendRecord } from './spend-record.ts';
import { createWindow, type Entry } from './window.ts';

export interface SpendLedgerOptions {
  readonly store: LedgerStore;
  /** Limits of each key's policy; keys without limits, too. */
  readonly limits: ReadonlyMap<string, readonly LoadedLimit[]>;
  /** Keys that are new at each boot. What they spend dies with them, so it is kept in memory alone. */
  readonly instanceKeys: ReadonlySet<string>;
  /** Milliseconds on a clock that is never set; with `isAnchored`, one that goes on over restarts. */
  readonly now: () => number;
  /** Whether the records are all there are, and their times are of the clock. Absent: not. */
  readonly isAnchored?: boolean;
  /** False for the boot that made the application root: before it nothing can have been spent. */
  readonly restarted: boolean;
  /** Reservations within their windows that are held; beyond them nothing is signed. Absent: 100,000. */
  readonly maxLive?: number;
}

/** What a request takes from its limits. */
export interface Reservation {
  readonly serial: number;
}

type Reserved = { readonly ok: true; readonly reservation: Reservation } | Extract<Room, { ok: false }>;

export interface SpendLedger {
  /** What {@link SpendLedger.reserve} would say; nothing is reserved. @throws LedgerError */
  room(key: string, charges: readonly Charge[], asker: Asker): Room;
  /**
   * Checks and charges all limits in one step.
   *
   * @param request - SHA-256 of what is asked, kept with the charge. @throws LedgerError
   */
  reserve(key: string, charges: readonly Charge[], asker: Asker, request?: Uint8Array): Reserved;
  /**
   * Resolves when the reservation is durable; reservations made meanwhile share one commit. Only then may
   * the signature leave. Where the commit fails, all of them are taken back. Where nothing was charged, it resolves
   * when the store is known to be the newest.
   *
   * @throws LedgerError `ledger.unavailable`, also for a reservation that was taken back or released before.
   */
  settle(reservation: Reservation): Promise<void>;
  /** Takes a reservation back. Only where no signature was made with it. Idempotent. */
  release(reservation: Reservation): void;
}

const MAX_LIVE = 100_000;
/** Removing costs a commit, so it is done for many; but whoever comes meanwhile waits for it. */
const REMOVE_AT_ONCE = 32;
/**
 * What waited for the anchor for longer does not leave. A record says when it was written, and what it stands for left
 * later than that by so much at most; so much longer it counts after a restart.
 */
export const MOST_UNTIL_LEFT_MS = 30_000;
/** A commit serves whoever comes in time, and nobody waits for many more than so many others. */
const MOST_IN_BATCH = 16;

/** A record in the store, and how many of its reservations still count. */
interface Kept {
  readonly id: string;
  /** When it was written; infinite where that does not matter. */
  readonly at: number;
  left: number;
}

interface Live extends Reservation {
  readonly key: string;
  readonly parts: readonly Part[];
  readonly request?: Uint8Array;
  readonly entries: Entry[];
  state: 'pending' | 'kept' | 'void';
  counting: number;
  /** Once it is in the store. */
  record?: Kept;
}

interface Batch {
  /** How many wait for the disk. */
  count: number;
  readonly done: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: VitrineError) => void;
}

/** @throws LedgerError `ledger.record`, `ledger.clock`; and whatever the store throws. */
export function openSpendLedger(options: SpendLedgerOptions): SpendLedger {
  const { store, instanceKeys, maxLive = MAX_LIVE } = options;
  let last = Number.NEGATIVE_INFINITY;
  const tick = (): number => {
    const now = options.now();
    if (!(now >= last) || !Number.isFinite(now)) {
      throw new LedgerError(
        'ledger.clock',
        'the monotonic clock went backwards; nothing is signed until it has caught up',
      );
    }
    last = now;
    return now;
  };
  const boot = tick();

  const before = store.load().map(decodeRecord);
  // Records where there should be none mean that this is no first boot.
  const isAnchored = options.isAnchored === true;
  const restarted = !isAnchored && (options.restarted || before.length > 0);
  let serial = before
    .flatMap(({ reservations }) => reservations)
    .reduce((most, reservation) => Math.max(most, reservation.serial), 0);
  // Of earlier boots; the first to become superfluous is last.
  const old = (isAnchored ? [] : before)
    .map((record) => ({ id: recordId(record), until: boot + record.window * 1000 }))
    .sort((left, right) => right.until - left.until);

  const keys = new Map<string, ReadonlyMap<string, Limit>>();
  for (const [key, limits] of options.limits) {
    const spent = restarted && !instanceKeys.has(key);
    const made = limits.map((rule): [string, Limit] => {
      const milliseconds = rule.window * 1000;
      const doubted = isAnchored ? spentByDoubt(before, boot, key, rule) : Number.NEGATIVE_INFINITY;
      const spentUntil = spent ? boot + milliseconds : Math.max(boot, doubted);
      return [rule.id, { rule, window: createWindow(milliseconds), spentUntil }];
    });
    keys.set(key, new Map(made));
  }

  const known = new WeakMap<Reservation, Live>();
  let live = 0;
  const pending = new Set<Live>();
  let batch: Batch | undefined;
  let removable: string[] = [];
  /** Whether one of them stands for what never left. */
  let mustRemove = false;

  const limitsOf = (key: string): ReadonlyMap<string, Limit> => {
    const limits = keys.get(key);
    if (limits === undefined) throw new LedgerError('ledger.misuse', `the ledger knows no key ${JSON.stringify(key)}`);
    return limits;
  };
  const advance = (now: number): void => {
    for (const limits of keys.values()) {
      for (const { window } of limits.values()) window.advance(now);
    }
  };
  const check = (key: string, charges: readonly Charge[], asker: Asker, now: number): Refusal | readonly Part[] => {
    const limits = limitsOf(key);
    for (const { window } of limits.values()) window.advance(now);
    return partsOf(limits, charges, asker, now);
  };
  const discard = (one: Live): void => {
    one.state = 'void';
    for (const [index, entry] of one.entries.entries()) one.parts[index]?.limit.window.remove(entry);
    if (one.counting > 0) live--;
    one.counting = 0;
  };
  /** It counts no more; a record of which nothing counts can go. */
  const leave = ({ record }: Live): void => {
    if (record !== undefined && --record.left === 0) removable.push(record.id);
  };
  const expire = (one: Live): void => {
    if (one.state === 'pending') {
      // Nobody settled it for a whole window: its room is for others now.
      pending.delete(one);
      discard(one);
    } else if (--one.counting === 0) {
      live--;
      leave(one);
    }
  };
  const find = (reservation: Reservation): Live => {
    const found = known.get(reservation);
    if (found === undefined) throw new LedgerError('ledger.misuse', 'the reservation is of another ledger');
    return found;
  };

  /** Puts what earlier boots recorded into the windows again. */
  function restore(records: readonly SpendRecord[]): void {
    const inOrder = records.toSorted((left, right) => (left.at ?? 0) - (right.at ?? 0));
    for (const made of inOrder) {
      const record = { id: recordId(made), at: made.at ?? 0, left: made.reservations.length };
      for (const { serial: of, key, charges } of made.reservations) {
        const limits = keys.get(key);
        const parts = charges.flatMap(({ limit: id, scope, amount }): Part[] => {
          const limit = limits?.get(id);
          return limit === undefined ? [] : [{ limit, scope, amount: BigInt(amount) }];
        });
        const one: Live = { serial: of, key, parts, entries: [], state: 'kept', counting: parts.length, record };
        enter(one, record.at + MOST_UNTIL_LEFT_MS);
        if (parts.length === 0) leave(one);
      }
    }
    advance(boot);
  }
  function enter(one: Live, at: number): void {
    const expired = (): void => expire(one);
    for (const { limit, scope, amount } of one.parts) {
      const entry: Entry = { at, scope, amount, expired, gone: false };
      limit.window.add(entry);
      one.entries.push(entry);
    }
    if (one.parts.length > 0) live++;
  }

  /** As long as each turn of the event loop brings somebody who can share the commit, it waits. */
  const commitSoon = (before: number): void => {
    setImmediate(() => {
      const count = batch?.count ?? 0;
      if (count > before && count < MOST_IN_BATCH) commitSoon(count);
      else void commit();
    });
  };
  const commit = async (): Promise<void> => {
    const settling = batch;
    batch = undefined;
    const taken = [...pending];
    pending.clear();
    tidy();
    try {
      const appended = append(taken.filter((one) => !instanceKeys.has(one.key)));
      if (appended !== undefined) await appended;
    } catch (error) {
      for (const one of taken) giveUp(one);
      // What the state says of itself is for whoever asked.
      settling?.reject(
        error instanceof StateError
          ? error
          : unavailable('the store did not take the reservation, so nothing was signed', error),
      );
      return;
    }
    // The signature leaves now: a slow disk must not make it count in an earlier window.
    const now = options.now();
    if (now > last && Number.isFinite(now)) last = now;
    for (const one of taken) {
      if (one.state === 'pending' && !(one.record !== undefined && now - one.record.at > MOST_UNTIL_LEFT_MS)) {
        one.state = 'kept';
        for (const entry of one.entries) entry.at = last;
      } else giveUp(one);
    }
    settling?.resolve();
  };
  /** It leaves no more: what the store has of it is to go. */
  const giveUp = (one: Live): void => {
    discard(one);
    const { record } = one;
    if (record === undefined || --record.left > 0) return;
    removable.push(record.id);
    mustRemove = true;
  };
  const append = (lasting: readonly Live[]): void | Promise<void> => {
    if (lasting.length === 0) return;
    const made = recordOf(lasting, isAnchored ? last : undefined);
    const record = { id: recordId(made), at: isAnchored ? last : Number.POSITIVE_INFINITY, left: lasting.length };
    for (const one of lasting) one.record = record;
    return store.append([{ id: record.id, value: encodeRecord(made) }]);
  };
  const tidy = (): void => {
    for (let next = old.at(-1); next !== undefined && next.until <= last; next = old.at(-1)) {
      removable.push(next.id);
      old.pop();
    }
    if (removable.length < REMOVE_AT_ONCE && !mustRemove) return;
    const removed = removable;
    removable = [];
    mustRemove = false;
    // What stays too long harms nobody; the next commit tries again.
    const again = (): void => void removable.push(...removed);
    try {
      const done = store.remove(removed);
      if (done !== undefined) done.catch(again);
    } catch {
      again();
    }
  };
  if (isAnchored) restore(before);

  return {
    room: (key, charges, asker) => {
      const checked = check(key, charges, asker, tick());
      return 'ok' in checked ? checked : { ok: true };
    },
    reserve: (key, charges, asker, request) => {
      store.demandNewest?.();
      const now = tick();
      const parts = check(key, charges, asker, now);
      if ('ok' in parts) return parts;
      if (live >= maxLive) advance(now);
      if (live >= maxLive && parts.length > 0) {
        throw new LedgerError(
          'ledger.full',
          `${maxLive} signatures are within the windows of limits; wait, or use shorter windows`,
        );
      }
      const one: Live = {
        serial: ++serial,
        key,
        parts,
        ...(request === undefined ? {} : { request }),
        entries: [],
        state: parts.length === 0 ? 'kept' : 'pending',
        counting: parts.length,
      };
      known.set(one, one);
      if (parts.length === 0) return { ok: true, reservation: one };
      enter(one, now);
      pending.add(one);
      return { ok: true, reservation: one };
    },
    settle: async (reservation) => {
      const one = find(reservation);
      store.demandNewest?.();
      if (one.state === 'pending') {
        if (batch === undefined) {
          batch = createBatch();
          commitSoon(0);
        }
        if (!instanceKeys.has(one.key)) batch.count++;
        await batch.done;
      }
      // What a key of this boot does is in no state that could have moved.
      if (one.parts.length === 0 && !instanceKeys.has(one.key)) await store.confirm?.();
      if (one.state !== 'kept') throw unavailable('the reservation was taken back, so nothing was signed');
    },
    release: (reservation) => {
      const one = find(reservation);
      if (one.state === 'void') return;
      if (one.state === 'pending') pending.delete(one);
      else if (one.counting > 0) leave(one);
      discard(one);
    },
  };
}

/** Until when a limit counts as spent, since what was recorded under its name cannot be charged to it. */
function spentByDoubt(
  records: readonly SpendRecord[],
  boot: number,
  key: string,
  { id, per, window }: LoadedLimit,
): number {
  const doubted = records.filter(({ at, reservations }) =>
    reservations.some(
      (one) =>
        one.key === key &&
        one.charges.some(
          ({ limit, scope }) => limit === id && (at === undefined || (per === 'key') !== (scope === '')),
        ),
    ),
  );
  return Math.max(...doubted.map(({ at }) => (at ?? boot) + MOST_UNTIL_LEFT_MS + window * 1000));
}

function createBatch(): Batch {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  return { count: 0, done: promise, resolve: () => resolve(), reject };
}

function unavailable(message: string, cause?: unknown): LedgerError {
  return new LedgerError('ledger.unavailable', message, cause === undefined ? undefined : { cause });
}
