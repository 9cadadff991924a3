/**
 * How soon a server that has ended by itself is started again: at once after a first time, then after
 * one second, two, four, up to a minute. A server that dies of everything would otherwise keep the
 * machine busy with starting it.
 *
 * Counted for each principal, so that who breaks a server does not keep others from theirs; the clock is
 * a parameter, and nothing waits: whoever comes too early is told when to come again.
 *
 * @module
 */
import { GatewayBusyError } from './failure.ts';

export interface RestartBackoff {
  /** @throws GatewayBusyError when it is too early for another start in the name of `key`. */
  admit(key: string): void;
  /** A server of `key` ended by itself, or did not start. */
  failed(key: string): void;
  /** Delays that hold now. */
  size(): number;
}

interface Record {
  /** Times in a row. */
  failures: number;
  lastAt: number;
  notBefore: number;
}

const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 60_000;
/** A server that has not failed for this long is taken for sound again. */
const GOOD_CONDUCT_MS = 5 * 60_000;
/** Records are small, but principals can be many; the oldest goes first. */
const MAX_RECORDS = 4096;

/** @param now - Monotonic milliseconds. */
export function createRestartBackoff(now: () => number): RestartBackoff {
  const records = new Map<string, Record>();

  function recent(key: string): Record | undefined {
    const record = records.get(key);
    if (record === undefined || now() - record.lastAt < GOOD_CONDUCT_MS) return record;
    records.delete(key);
    return undefined;
  }

  return {
    admit(key) {
      const wait = (recent(key)?.notBefore ?? 0) - now();
      if (wait <= 0) return;
      const seconds = Math.ceil(wait / 1000);
      throw new GatewayBusyError(
        `the server has ended by itself repeatedly; it is started again in ${seconds} s at the earliest`,
        seconds,
      );
    },
    failed(key) {
      const time = now();
      const failures = (recent(key)?.failures ?? 0) + 1;
      const delay = failures === 1 ? 0 : Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 2));
      records.delete(key);
      records.set(key, { failures, lastAt: time, notBefore: time + delay });
      const [oldest] = records.keys();
      if (records.size > MAX_RECORDS && oldest !== undefined) records.delete(oldest);
    },
    size: () => [...records.values()].filter(({ notBefore }) => notBefore > now()).length,
  };
}
