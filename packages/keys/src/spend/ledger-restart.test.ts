import type { WitnessedTime } from '@vitrine/attester';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type LastingClock, openLastingClock } from '../anchor/lasting-clock.ts';
import { anchorUnavailable, movedElsewhere } from '../anchor/state-error.ts';
import type { LoadedLimit } from '../policy/loaded-policy.ts';
import { asker } from '../testing/policies.ts';
import { MOST_UNTIL_LEFT_MS, openSpendLedger, type SpendLedger } from './ledger.ts';
import { decodeRecord, encodeRecord } from './spend-record.ts';

const daily: LoadedLimit = {
  kind: 'value',
  id: 'daily',
  window: 86_400,
  per: 'key',
  max: 100n,
  chain: 'eip155:1',
  asset: 'native',
};
const DAY_MS = 86_400_000;

/** An enclave whose disk is anchored: its processes come and go, real time goes on. */
class Machine {
  readonly records = new Map<string, Uint8Array>();
  clockRecord: Uint8Array | undefined;
  real = 1_000_000;
  /** Real time at which this boot began. */
  boot = 0;
  /** By how much the witnessed time may be wrong; `undefined` for no witness. */
  witness: number | undefined;
  /** Real milliseconds that the next commits take, and when they fail. */
  takes = 0;
  fails: 'no' | 'before' | 'after' = 'no';
  limits: readonly LoadedLimit[] = [daily];
  outdated = false;
  /** Which process runs; those before it do nothing any more. */
  process = 0;

  open(): SpendLedger {
    this.boot = this.real;
    const own = ++this.process;
    const time = (): WitnessedTime | undefined =>
      this.witness === undefined ? undefined : { earliest: this.real - this.witness, latest: this.real + this.witness };
    const clock: LastingClock = openLastingClock({
      record: this.clockRecord,
      monotonic: () => this.real - this.boot,
      time,
    });
    const commit = async (work: () => void): Promise<void> => {
      if (own !== this.process) return new Promise(() => undefined);
      if (this.fails === 'before') throw anchorUnavailable();
      work();
      this.clockRecord = clock.record();
      await new Promise((resolve) => setImmediate(resolve));
      this.real += this.takes;
      if (this.fails === 'after') throw anchorUnavailable();
    };
    return openSpendLedger({
      store: {
        load: () => [...this.records.values()],
        append: (records) =>
          commit(() => {
            for (const { id, value } of records) this.records.set(id, value);
          }),
        remove: (ids) =>
          commit(() => {
            for (const id of ids) this.records.delete(id);
          }),
        demandNewest: () => {
          if (this.outdated) throw movedElsewhere();
        },
      },
      limits: new Map([['hot', this.limits]]),
      instanceKeys: new Set(),
      now: clock.now,
      isAnchored: true,
      restarted: true,
    });
  }
}

async function spend(ledger: SpendLedger, amount: bigint, limit = 'daily'): Promise<string> {
  try {
    const reserved = ledger.reserve('hot', [{ limit, amount }], asker);
    if (!reserved.ok) return reserved.reason;
    await ledger.settle(reserved.reservation);
    return 'ok';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('after a restart with an anchor', () => {
  promise('P4', 'a limit that was half used is half used', async () => {
    const machine = new Machine();
    expect(await spend(machine.open(), 50n)).toBe('ok');
    const second = machine.open();
    expect(await spend(second, 51n)).toMatch(/51 asked, 50 of 100 left/);
    expect(await spend(second, 50n)).toBe('ok');
    const third = machine.open();
    expect(await spend(third, 1n)).toMatch(/0 of 100 left/);
    machine.real += DAY_MS + MOST_UNTIL_LEFT_MS;
    expect(await spend(third, 100n)).toBe('ok');
  });

  promise('P4', 'the time that it was down counts where it was witnessed, and only there', async () => {
    for (const witness of [undefined, 0, 2000]) {
      const machine = new Machine();
      machine.witness = witness;
      expect(await spend(machine.open(), 100n)).toBe('ok');
      machine.real += DAY_MS + MOST_UNTIL_LEFT_MS + 10_000;
      const said = await spend(machine.open(), 100n);
      if (witness === undefined) expect(said).toMatch(/0 of 100 left in 86400 s; there is room in 86430 s/);
      else expect(said).toBe('ok');
    }
  });

  promise('P4', 'what was on its way when the anchor failed leaves no trace in limits', async () => {
    const machine = new Machine();
    const first = machine.open();
    machine.fails = 'after';
    expect(await spend(first, 60n)).toBe('keys.anchor-unavailable');
    expect(machine.records.size).toBe(1);
    machine.fails = 'before';
    expect(await spend(first, 60n)).toBe('keys.anchor-unavailable');
    machine.fails = 'no';
    // Both that failed are taken back, the one that the store has with the next commit.
    expect(await spend(first, 100n)).toBe('ok');
    expect([...machine.records.values()].flatMap((one) => decodeRecord(one).reservations)).toMatchObject([
      { charges: [{ amount: '100' }] },
    ]);
  });

  promise('P4', 'what waited for the anchor for too long does not leave', async () => {
    const machine = new Machine();
    const first = machine.open();
    machine.takes = MOST_UNTIL_LEFT_MS + 1;
    expect(await spend(first, 60n)).toBe('ledger.unavailable');
    machine.takes = MOST_UNTIL_LEFT_MS / 2;
    expect(await spend(first, 60n)).toBe('ok');
    machine.takes = 0;
    expect(await spend(first, 41n)).toMatch(/40 of 100 left/);
  });

  promise(
    'P4',
    'what was asked before the machine was stopped does not leave after it, as if it were that old',
    async () => {
      let witnessed = 1_000_000;
      const records = new Map<string, Uint8Array>();
      const clock = openLastingClock({
        record: undefined,
        monotonic: () => 0,
        time: () => ({ earliest: witnessed, latest: witnessed }),
      });
      const ledger = openSpendLedger({
        store: {
          load: () => [],
          append: async (appended) => {
            for (const { id, value } of appended) records.set(id, value);
            // The answer of the anchor is the first to say how long it was.
            witnessed += 3_600_000;
          },
          remove: async (ids) => {
            for (const id of ids) records.delete(id);
          },
        },
        limits: new Map([['hot', [daily]]]),
        instanceKeys: new Set(),
        now: clock.now,
        isAnchored: true,
        restarted: true,
      });
      expect(await spend(ledger, 1n)).toBe('ledger.unavailable');
    },
  );

  promise('P4', 'a state that is not the newest reserves nothing, also where nothing is to be charged', async () => {
    const machine = new Machine();
    const ledger = machine.open();
    const reserved = ledger.reserve('hot', [], asker);
    if (!reserved.ok) throw new Error(reserved.reason);
    machine.outdated = true;
    await expect(ledger.settle(reserved.reservation)).rejects.toMatchObject({ code: 'keys.state-moved' });
    expect(await spend(ledger, 1n)).toBe('keys.state-moved');
  });

  promise('P4', 'a limit that changed its kind of scope, or records without a time, count as spent', async () => {
    const machine = new Machine();
    expect(await spend(machine.open(), 1n)).toBe('ok');
    machine.limits = [{ ...daily, per: 'principal' }];
    expect(await spend(machine.open(), 1n)).toMatch(/counts as spent after the restart/);
    machine.limits = [daily];
    expect(await spend(machine.open(), 99n)).toBe('ok');
    machine.records.set(
      'old',
      encodeRecord({
        window: 60,
        reservations: [{ serial: 9, key: 'hot', charges: [{ limit: 'daily', scope: '', amount: '1' }] }],
      }),
    );
    expect(await spend(machine.open(), 1n)).toMatch(/counts as spent after the restart/);
  });

  promise('P4', 'records go when their window has passed, those of limits that are gone at once', async () => {
    const machine = new Machine();
    machine.limits = [{ ...daily, id: 'short', window: 60 }];
    const first = machine.open();
    for (let count = 0; count < 40; count++) expect(await spend(first, 1n, 'short')).toBe('ok');
    machine.limits = [daily];
    const second = machine.open();
    for (let count = 0; count < 3; count++) expect(await spend(second, 1n)).toBe('ok');
    expect(machine.records.size).toBe(3);
  });
});

type Step =
  | { readonly kind: 'spend'; readonly amount: bigint; readonly takes: number; readonly fails: Machine['fails'] }
  | { readonly kind: 'wait'; readonly milliseconds: number }
  | { readonly kind: 'restart'; readonly down: number; readonly midway: boolean };

promise(
  'P4',
  'over any restarts, pauses, failures and slow anchors no window of real time holds more than its limit, and a window after the last there is room for all of it',
  async () => {
    const steps: fc.Arbitrary<readonly Step[]> = fc.array(
      fc.oneof(
        {
          weight: 4,
          arbitrary: fc.record({
            kind: fc.constant('spend' as const),
            amount: fc.bigInt(1n, 60n),
            takes: fc.constantFrom(0, 1, 5000, 29_999, 30_001),
            fails: fc.constantFrom<Machine['fails']>('no', 'no', 'no', 'before', 'after'),
          }),
        },
        {
          weight: 2,
          arbitrary: fc.record({
            kind: fc.constant('wait' as const),
            milliseconds: fc.constantFrom(1, 1000, 30_000, 59_000, 60_000, 100_000),
          }),
        },
        {
          weight: 2,
          arbitrary: fc.record({
            kind: fc.constant('restart' as const),
            down: fc.constantFrom(0, 1, 1000, 30_000, 61_000),
            midway: fc.boolean(),
          }),
        },
      ),
      { maxLength: 25 },
    );
    const limit: LoadedLimit = { ...daily, window: 60, max: 100n };
    await fc.assert(
      fc.asyncProperty(steps, fc.constantFrom(undefined, 0, 500), async (all, witness) => {
        const machine = new Machine();
        machine.limits = [limit];
        machine.witness = witness;
        let ledger = machine.open();
        const left: { readonly at: number; readonly amount: bigint }[] = [];
        for (const step of all) {
          if (step.kind === 'wait') machine.real += step.milliseconds;
          else if (step.kind === 'spend') {
            machine.takes = step.takes;
            machine.fails = step.fails;
            if ((await spend(ledger, step.amount)) === 'ok') left.push({ at: machine.real, amount: step.amount });
          } else {
            machine.takes = 0;
            machine.fails = 'no';
            if (step.midway) {
              void spend(ledger, 1n);
              // It is on the disk, and has not left.
              for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
            }
            machine.real += step.down;
            ledger = machine.open();
          }
        }
        for (const { at: from } of left) {
          const sum = left
            .filter(({ at }) => at >= from && at < from + 60_000)
            .reduce((total, { amount }) => total + amount, 0n);
          expect(sum <= 100n).toBe(true);
        }
        await new Promise((resolve) => setImmediate(resolve));
        machine.takes = 0;
        machine.fails = 'no';
        machine.real += 60_000 + MOST_UNTIL_LEFT_MS;
        expect(await spend(ledger, 100n)).toBe('ok');
      }),
      { numRuns: 400 },
    );
  },
);
