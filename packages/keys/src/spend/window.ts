/**
 * One limit's rolling window: what counts in it now, for each of its scopes, exactly.
 *
 * Entries are added in the order of time, so the ones to expire are always at the front; one behind another of a later
 * time counts as long as that does. An entry of time
 * `t` counts in `[t, t + window)`: no half-open span of the window's length ever holds more than the maximum.
 *
 * @module
 */

export interface Entry {
  /** Milliseconds of the monotonic clock. Moves forward once, when the entry has become durable. */
  at: number;
  readonly scope: string;
  readonly amount: bigint;
  /** Called when the window has passed it. */
  readonly expired: () => void;
  /** Does not count any more. */
  gone: boolean;
}

export interface Window {
  /** What counts now. Call {@link Window.advance} before. */
  used(scope: string): bigint;
  add(entry: Entry): void;
  /** Takes an entry back; nothing happens for one that is gone. */
  remove(entry: Entry): void;
  /** Drops what is past at the time `now`. */
  advance(now: number): void;
  /** When so much has expired that `used` is at most `most`. */
  freeAt(scope: string, most: bigint): number;
  /** How many entries are held. */
  size(): number;
}

/** Below it an array is left as it is. */
const COMPACT_FROM = 1024;

export function createWindow(milliseconds: number): Window {
  let entries: Entry[] = [];
  let front = 0;
  let removed = 0;
  const sums = new Map<string, bigint>();
  const subtract = (entry: Entry): void => {
    entry.gone = true;
    const left = (sums.get(entry.scope) ?? 0n) - entry.amount;
    if (left === 0n) sums.delete(entry.scope);
    else sums.set(entry.scope, left);
  };
  return {
    used: (scope) => sums.get(scope) ?? 0n,
    add: (entry) => {
      entries.push(entry);
      sums.set(entry.scope, (sums.get(entry.scope) ?? 0n) + entry.amount);
    },
    remove: (entry) => {
      if (entry.gone) return;
      subtract(entry);
      // One long-lived entry at the front would keep all that were taken back behind it.
      if (++removed < COMPACT_FROM || removed * 2 < entries.length) return;
      entries = entries.slice(front).filter(({ gone }) => !gone);
      front = 0;
      removed = 0;
    },
    advance: (now) => {
      for (let entry = entries[front]; entry !== undefined; entry = entries[++front]) {
        if (!entry.gone) {
          if (now - entry.at < milliseconds) break;
          subtract(entry);
          entry.expired();
        }
      }
      if (front >= COMPACT_FROM && front * 2 >= entries.length) {
        entries = entries.slice(front);
        front = 0;
      }
    },
    freeAt: (scope, most) => {
      let used = sums.get(scope) ?? 0n;
      for (let index = front; index < entries.length && used > most; index++) {
        const entry = entries[index];
        if (entry === undefined || entry.gone || entry.scope !== scope) continue;
        used -= entry.amount;
        if (used <= most) return entry.at + milliseconds;
      }
      return used <= most ? 0 : Number.POSITIVE_INFINITY;
    },
    size: () => entries.length - front,
  };
}
