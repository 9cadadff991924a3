import * as fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { LoadedLimit } from '../policy/loaded-policy.ts';
import { asker } from '../testing/policies.ts';
import { openSpendLedger, type Reservation } from './ledger.ts';

type Step =
  | { readonly kind: 'reserve'; readonly amounts: readonly [bigint, bigint]; readonly tool: string }
  | { readonly kind: 'settle'; readonly fails: boolean; readonly takes: number }
  | { readonly kind: 'release'; readonly which: number }
  | { readonly kind: 'wait'; readonly milliseconds: number };

const LIMITS: readonly LoadedLimit[] = [
  { kind: 'value', id: 'short', window: 1, per: 'tool', max: 10n, chain: 'eip155:1', asset: 'native' },
  { kind: 'value', id: 'long', window: 5, per: 'key', max: 25n, chain: 'eip155:1', asset: 'native' },
];

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('reserve' as const),
      amounts: fc.tuple(fc.bigInt(0n, 11n), fc.bigInt(0n, 9n)),
      tool: fc.constantFrom('a', 'b'),
    }),
    fc.record({
      kind: fc.constant('settle' as const),
      fails: fc.boolean().map((one) => one),
      takes: fc.constantFrom(0, 0, 1, 999, 1000),
    }),
    fc.record({ kind: fc.constant('release' as const), which: fc.nat(40) }),
    fc.record({
      kind: fc.constant('wait' as const),
      milliseconds: fc.constantFrom(0, 1, 200, 500, 999, 1000, 4000, 5000),
    }),
  ),
  { maxLength: 60 },
);

/** The naive model: everything that was ever reserved, looked through for each question. */
interface Known {
  readonly reservation: Reservation;
  readonly parts: readonly (readonly [limit: LoadedLimit, scope: string, amount: bigint])[];
  at: number;
  state: 'pending' | 'kept' | 'void';
}

promise(
  'P4',
  'in any order of reserving, settling, failing, releasing and waiting, no window ever holds more than its limit, and nothing is refused that has room',
  async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        let now = 0;
        let store: { fails: boolean; takes: number } = { fails: false, takes: 0 };
        const ledger = openSpendLedger({
          store: {
            load: () => [],
            append: () => {
              now += store.takes;
              if (store.fails) throw new Error('disk full');
            },
            remove: () => undefined,
          },
          limits: new Map([['hot', LIMITS]]),
          instanceKeys: new Set(),
          now: () => now,
          restarted: false,
        });
        const known: Known[] = [];
        const used = (limit: LoadedLimit, scope: string): bigint =>
          known
            .filter(({ state, at }) => state !== 'void' && now - at < limit.window * 1000)
            .flatMap(({ parts }) => parts)
            .filter(([of, within]) => of.id === limit.id && within === scope)
            .reduce((sum, [, , amount]) => sum + amount, 0n);
        // One that waits for a whole window of any of its limits is given up.
        const giveUp = (): void => {
          for (const one of known) {
            const past = one.parts.some(([limit]) => now - one.at >= limit.window * 1000);
            if (one.state === 'pending' && past) one.state = 'void';
          }
        };
        for (const step of all) {
          if (step.kind === 'wait') now += step.milliseconds;
          else if (step.kind === 'release') {
            const one = known[step.which];
            if (one === undefined) continue;
            ledger.release(one.reservation);
            one.state = 'void';
          } else if (step.kind === 'reserve') {
            giveUp();
            const parts = LIMITS.map(
              (limit, index) => [limit, limit.per === 'tool' ? step.tool : '', step.amounts[index] ?? 0n] as const,
            ).filter(([, , amount]) => amount > 0n);
            const fits = parts.every(([limit, scope, amount]) => used(limit, scope) + amount <= limit.max);
            const reserved = ledger.reserve(
              'hot',
              parts.map(([{ id }, , amount]) => ({ limit: id, amount })),
              { ...asker, tools: [step.tool] },
            );
            expect(reserved.ok).toBe(fits);
            if (reserved.ok) {
              known.push({
                reservation: reserved.reservation,
                parts,
                at: now,
                state: parts.length === 0 ? 'kept' : 'pending',
              });
            }
          } else {
            const waiting = known.filter(({ state }) => state === 'pending');
            store = step;
            const settled = await Promise.allSettled(waiting.map(({ reservation }) => ledger.settle(reservation)));
            for (const one of waiting) {
              one.state = step.fails ? 'void' : 'kept';
              one.at = now;
            }
            expect(settled.every(({ status }) => (status === 'rejected') === step.fails)).toBe(true);
          }
        }
        const kept = known.filter(({ state }) => state === 'kept');
        for (const { at: from } of kept) {
          for (const limit of LIMITS) {
            for (const scope of limit.per === 'tool' ? ['a', 'b'] : ['']) {
              const sum = kept
                .filter(({ at }) => at >= from && at < from + limit.window * 1000)
                .flatMap(({ parts }) => parts)
                .filter(([of, within]) => of.id === limit.id && within === scope)
                .reduce((total, [, , amount]) => total + amount, 0n);
              expect(sum <= limit.max).toBe(true);
            }
          }
        }
      }),
      { numRuns: 300 },
    );
  },
);
