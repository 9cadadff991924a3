/**
 * How often and how much at once: budgets of requests for each principal and for each address. Clock as a
 * parameter; nothing waits, whoever has no budget is refused at once.
 *
 * @module
 */

export interface RateLimits {
  /** In the long run; as many again may come at once. */
  readonly perMinute: number;
  /** At the same time. */
  readonly concurrent: number;
  /** Keys that are remembered at the same time. */
  readonly remembered: number;
}

export type Admitted =
  | { readonly admitted: true; readonly done: () => void }
  | { readonly admitted: false; readonly retryAfterSeconds: number };

interface Budget {
  left: number;
  at: number;
  running: number;
}

export interface Rates {
  /** Counts one request of `key`; `done` must be called when it is over. */
  enter(key: string): Admitted;
}

/** @param now - Monotonic milliseconds. */
export function createRates(limits: RateLimits, now: () => number): Rates {
  const budgets = new Map<string, Budget>();
  const perMs = limits.perMinute / 60_000;

  function earned(budget: Budget, time: number): number {
    return Math.min(limits.perMinute, budget.left + (time - budget.at) * perMs);
  }

  /** Makes room by forgetting a key with a full budget and nothing running, else refuses new keys. */
  function makeRoom(time: number): boolean {
    if (budgets.size < limits.remembered) return true;
    for (const [key, budget] of budgets) {
      if (budget.running > 0 || earned(budget, time) < limits.perMinute) continue;
      budgets.delete(key);
      return true;
    }
    return false;
  }

  return {
    enter(key) {
      const time = now();
      let budget = budgets.get(key);
      if (budget === undefined) {
        if (!makeRoom(time)) return { admitted: false, retryAfterSeconds: 1 };
        budget = { left: limits.perMinute, at: time, running: 0 };
        budgets.set(key, budget);
      }
      const left = earned(budget, time);
      if (budget.running >= limits.concurrent) return { admitted: false, retryAfterSeconds: 1 };
      if (left < 1) return { admitted: false, retryAfterSeconds: Math.max(1, Math.ceil((1 - left) / perMs / 1000)) };
      budget.left = left - 1;
      budget.at = time;
      budget.running += 1;
      const entered = budget;
      let over = false;
      return {
        admitted: true,
        done() {
          if (!over) entered.running -= 1;
          over = true;
        },
      };
    },
  };
}
