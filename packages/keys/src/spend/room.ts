/**
 * Whether limits have room for what a request would charge them with, and what there is to be charged.
 *
 * @module
 */
import type { Asker } from '../intent.ts';
import type { Charge } from '../policy/charges.ts';
import type { LoadedLimit } from '../policy/loaded-policy.ts';
import { LedgerError } from './ledger-error.ts';
import type { Window } from './window.ts';

export interface Limit {
  readonly rule: LoadedLimit;
  readonly window: Window;
  /** Until then it counts as spent. */
  readonly spentUntil: number;
}

export interface Part {
  readonly limit: Limit;
  readonly scope: string;
  readonly amount: bigint;
}

export type Room =
  | { readonly ok: true }
  | {
      readonly ok: false;
      /** Id of the limit that has no room. */
      readonly limit: string;
      /** What is left, and when there is room. */
      readonly reason: string;
    };

export type Refusal = Extract<Room, { ok: false }>;

/** What is to be charged to which scope, or which limit has no room for it. */
export function partsOf(
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
