/**
 * Who may have evidence made now: a bounded queue, and a budget per remote address, so that one client can
 * neither keep the hardware busy nor fill the memory. The clock is a parameter.
 *
 * @module
 */
import { isIPv6 } from 'node:net';

export interface AdmissionLimits {
  /** Made at the same time. */
  readonly running: number;
  /** Waiting beside those. */
  readonly waiting: number;
  /** One address may ask this often at once… */
  readonly burst: number;
  /** …and this often per second in the long run. */
  readonly perSecond: number;
  /** Addresses that are remembered at the same time. */
  readonly addresses: number;
}

export const DEFAULT_ADMISSION: AdmissionLimits = {
  running: 4,
  waiting: 64,
  burst: 128,
  perSecond: 32,
  addresses: 4096,
};

type Admission<T> =
  | { readonly admitted: true; readonly value: T }
  | { readonly admitted: false; readonly retryAfterSeconds: number };

/** Runs `work` when it is its turn; refuses at once when queue or budget is exhausted. */
export type Admit = <T>(address: string, work: () => Promise<T>) => Promise<Admission<T>>;

interface Budget {
  left: number;
  at: number;
}

/** @param now - Monotonic milliseconds. */
export function createAdmission(limits: AdmissionLimits, now: () => number): Admit {
  const budgets = new Map<string, Budget>();
  const waiting: (() => void)[] = [];
  let running = 0;

  /** Seconds until this address may ask again; 0 when it may now, which is then counted. */
  function charge(address: string): number {
    const key = budgetKey(address);
    const time = now();
    const known = budgets.get(key);
    if (known === undefined && budgets.size >= limits.addresses && !forgetOne(time)) return 1;
    const earned = known === undefined ? limits.burst : known.left + ((time - known.at) / 1000) * limits.perSecond;
    const left = Math.min(limits.burst, earned);
    if (left < 1) return Math.max(1, Math.ceil((1 - left) / limits.perSecond));
    budgets.set(key, { left: left - 1, at: time });
    return 0;
  }

  /** Makes room by forgetting an address whose budget is full again. */
  function forgetOne(time: number): boolean {
    for (const [key, budget] of budgets) {
      if (budget.left + ((time - budget.at) / 1000) * limits.perSecond < limits.burst) continue;
      budgets.delete(key);
      return true;
    }
    return false;
  }

  async function turn(): Promise<void> {
    if (running < limits.running) {
      running++;
      return;
    }
    // Whoever finishes hands its place on, so `running` stays as it is.
    await new Promise<void>((resolve) => waiting.push(resolve));
  }

  function leave(): void {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }

  return async (address, work) => {
    if (running >= limits.running && waiting.length >= limits.waiting) return { admitted: false, retryAfterSeconds: 1 };
    const retryAfterSeconds = charge(address);
    if (retryAfterSeconds > 0) return { admitted: false, retryAfterSeconds };
    await turn();
    try {
      return { admitted: true, value: await work() };
    } finally {
      leave();
    }
  };
}

/** One IPv6 user commonly has a whole /64, and IPv4 may come written as IPv6. */
export function budgetKey(address: string): string {
  const plain = address.toLowerCase().split('%', 1)[0] ?? '';
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(plain)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = plain.split('::');
  const groups = head === '' ? [] : head.split(':');
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === '' ? 0 : tail.split(':').length);
  const all = [...groups, ...Array.from({ length: missing }, () => '0'), ...(tail?.split(':') ?? [])];
  return `${all
    .slice(0, 4)
    .map((group) => Number.parseInt(group || '0', 16).toString(16))
    .join(':')}::/64`;
}
