/**
 * The ledger of what keys have spent against their limits.
 *
 * A request reserves before anything is signed: all limits are checked and charged in one step, in
 * memory, so parallel requests cannot pass one limit together. The reservation is then made durable; the
 * signature may leave only after that. What is charged stays so until its window has passed, or until the
 * caller releases it because no signature was made.
 *
 * Time is a monotonic clock, which nobody sets. It begins anew with each boot, so after a restart the
 * windows of keys that live on count as spent until a whole window has passed. Without a freshness anchor
 * that is all that can be said: the store may be an older copy, and the records in it are for the day when
 * there is one.
 *
 * @module
 */
import type { Asker } from '../intent.ts';
import type { Charge } from '../policy/charges.ts';
import type { LoadedLimit } from '../policy/loaded-policy.ts';
import { LedgerError } from './ledger-error.ts';
import type { LedgerStore } from './ledger-store.ts';
import { decodeRecord, encodeRecord, recordId, type SpendRecord } from './spend-record.ts';
import { createWindow, type Entry, type Window } from './window.ts';

export interface SpendLedgerOptions {
  readonly store: LedgerStore;
  /** Limits of each key's policy; keys without limits, too. */
  readonly limits: ReadonlyMap<string, readonly LoadedLimit[]>;
  /** Keys that are new at each boot. What they spend dies with them, so it is kept in memory alone. */
  readonly instanceKeys: ReadonlySet<string>;
  /** Milliseconds on a clock that is never set. */
  readonly now: () => number;
  /** False for the boot that made the application root: before it nothing can have been spent. */
  readonly restarted: boolean;
  /** Reservations within their windows that are held; beyond them nothing is signed. Absent: 100,000. */
  readonly maxLive?: number;
}

/** What a request takes from its limits. */
export interface Reservation {
  readonly serial: number;
}

type Room =
  | { readonly ok: true }
  | {
      readonly ok: false;
      /** Id of the limit that has no room. */
      readonly limit: string;
      /** What is left, and when there is room. */
      readonly reason: string;
    };

type Reserved = { readonly ok: true; readonly reservation: Reservation } | Extract<Room, { ok: false }>;

export interface SpendLedger {
  /** What {@link SpendLedger.reserve} would say; nothing is reserved. @throws LedgerError */
  room(key: string, charges: readonly Charge[], asker: Asker): Room;
  /** Checks and charges all limits in one step. @throws LedgerError */
  reserve(key: string, charges: readonly Charge[], asker: Asker): Reserved;
  /**
   * Resolves when the reservation is durable; reservations made meanwhile share one commit. Only then may
   * the signature leave. Where the commit fails, all of them are taken back.
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
/** A commit serves whoever comes in time, and nobody waits for many more than so many others. */
const MOST_IN_BATCH = 16;

interface Limit {
  readonly rule: LoadedLimit;
  readonly window: Window;
  /** Until then it counts as spent. */
  readonly spentUntil: number;
}

interface Part {
  readonly limit: Limit;
  readonly scope: string;
  readonly amount: bigint;
}

/** A record in the store, and how many of its reservations still count. */
interface Kept {
  readonly id: string;
  left: number;
}

interface Live extends Reservation {
  readonly key: string;
  readonly parts: readonly Part[];
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
  readonly reject: (error: LedgerError) => void;
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
  const restarted = options.restarted || before.length > 0;
  let serial = before
    .flatMap(({ reservations }) => reservations)
    .reduce((most, reservation) => Math.max(most, reservation.serial), 0);
  // Of earlier boots; the first to become superfluous is last.
  const old = before
    .map((record) => ({ id: recordId(record), until: boot + record.window * 1000 }))
    .sort((left, right) => right.until - left.until);

  const keys = new Map<string, ReadonlyMap<string, Limit>>();
  for (const [key, limits] of options.limits) {
    const spent = restarted && !instanceKeys.has(key);
    const made = limits.map((rule): [string, Limit] => {
      const milliseconds = rule.window * 1000;
      return [rule.id, { rule, window: createWindow(milliseconds), spentUntil: spent ? boot + milliseconds : boot }];
    });
    keys.set(key, new Map(made));
  }

  const known = new WeakMap<Reservation, Live>();
  let live = 0;
  const pending = new Set<Live>();
  let batch: Batch | undefined;
  let removable: string[] = [];

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

  /** As long as each turn of the event loop brings somebody who can share the commit, it waits. */
  const commitSoon = (before: number): void => {
    setImmediate(() => {
      const count = batch?.count ?? 0;
      if (count > before && count < MOST_IN_BATCH) commitSoon(count);
      else commit();
    });
  };
  const commit = (): void => {
    const settling = batch;
    batch = undefined;
    const taken = [...pending];
    pending.clear();
    try {
      append(taken.filter((one) => !instanceKeys.has(one.key)));
    } catch (error) {
      for (const one of taken) discard(one);
      settling?.reject(unavailable('the store did not take the reservation, so nothing was signed', error));
      return;
    }
    // The signature leaves now: a slow disk must not make it count in an earlier window.
    const now = options.now();
    if (now > last && Number.isFinite(now)) last = now;
    for (const one of taken) {
      one.state = 'kept';
      for (const entry of one.entries) entry.at = last;
    }
    settling?.resolve();
    tidy();
  };
  const append = (lasting: readonly Live[]): void => {
    if (lasting.length === 0) return;
    const made = recordOf(lasting);
    const record = { id: recordId(made), left: lasting.length };
    store.append([{ id: record.id, value: encodeRecord(made) }]);
    for (const one of lasting) one.record = record;
  };
  const tidy = (): void => {
    for (let next = old.at(-1); next !== undefined && next.until <= last; next = old.at(-1)) {
      removable.push(next.id);
      old.pop();
    }
    if (removable.length < REMOVE_AT_ONCE) return;
    try {
      store.remove(removable);
      removable = [];
    } catch {
      // What stays too long harms nobody; the next commit tries again.
    }
  };

  return {
    room: (key, charges, asker) => {
      const checked = check(key, charges, asker, tick());
      return 'ok' in checked ? checked : { ok: true };
    },
    reserve: (key, charges, asker) => {
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
        entries: [],
        state: parts.length === 0 ? 'kept' : 'pending',
        counting: parts.length,
      };
      known.set(one, one);
      if (parts.length === 0) return { ok: true, reservation: one };
      const expired = (): void => expire(one);
      for (const { limit, scope, amount } of parts) {
        const entry: Entry = { at: now, scope, amount, expired, gone: false };
        limit.window.add(entry);
        one.entries.push(entry);
      }
      live++;
      pending.add(one);
      return { ok: true, reservation: one };
    },
    settle: async (reservation) => {
      const one = find(reservation);
      if (one.state === 'pending') {
        if (batch === undefined) {
          batch = createBatch();
          commitSoon(0);
        }
        if (!instanceKeys.has(one.key)) batch.count++;
        await batch.done;
      }
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

type Refusal = Extract<Room, { ok: false }>;

/** What is to be charged to which scope, or which limit has no room for it. */
function partsOf(
  limits: ReadonlyMap<string, Limit>,
  charges: readonly Charge[],
  asker: Asker,
  now: number,
): Refusal | readonly Part[] {
  const parts: Part[] = [];
  const seen = new Set<string>();
  for (const { limit: id, amount } of charges) {
    const limit = limits.get(id);
    if (limit === undefined || seen.has(id) || amount <= 0n) {
      throw new LedgerError(
        'ledger.misuse',
        `a charge of ${amount} to the limit ${JSON.stringify(id)} is not in order`,
      );
    }
    seen.add(id);
    const scopes = scopesOf(limit, asker);
    if (typeof scopes === 'string') return { ok: false, limit: id, reason: `limit ${id}: ${scopes}` };
    for (const scope of scopes) {
      const reason = lacking(limit, scope, amount, now);
      if (reason !== undefined) return { ok: false, limit: id, reason: `limit ${id}${reason}` };
      parts.push({ limit, scope, amount });
    }
  }
  return parts;
}

function scopesOf({ rule }: Limit, asker: Asker): Iterable<string> | string {
  if (rule.per === 'key') return [''];
  if (!asker.isolated) return `counts per ${rule.per}, and the server serves several callers`;
  if (rule.per === 'principal') return [asker.principal];
  return asker.tools.length === 0 ? 'counts per tool, and none is running' : new Set(asker.tools);
}

function lacking({ rule, window, spentUntil }: Limit, scope: string, amount: bigint, now: number): string | undefined {
  const whose = rule.per === 'key' ? '' : ` for ${JSON.stringify(scope)}`;
  const seconds = (until: number): string => `in ${Math.ceil((until - now) / 1000)} s`;
  if (amount > rule.max) return `${whose}: ${amount} asked, but the whole limit is ${rule.max}`;
  if (now < spentUntil) {
    return `${whose}: counts as spent after the restart; there is room ${seconds(spentUntil)}`;
  }
  const left = rule.max - window.used(scope);
  if (amount <= left) return undefined;
  const free = window.freeAt(scope, rule.max - amount);
  return `${whose}: ${amount} asked, ${left} of ${rule.max} left in ${rule.window} s; there is room ${seconds(free)}`;
}

function recordOf(lasting: readonly Live[]): Omit<SpendRecord, 'type'> {
  return {
    window: Math.max(...lasting.flatMap(({ parts }) => parts.map(({ limit }) => limit.rule.window))),
    reservations: lasting.map(({ serial, key, parts }) => ({
      serial,
      key,
      charges: parts.map(({ limit, scope, amount }) => ({ limit: limit.rule.id, scope, amount: String(amount) })),
    })),
  };
}

function createBatch(): Batch {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  return { count: 0, done: promise, resolve: () => resolve(), reject };
}

function unavailable(message: string, cause?: unknown): LedgerError {
  return new LedgerError('ledger.unavailable', message, cause === undefined ? undefined : { cause });
}
