import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { Charge } from '../policy/charges.ts';
import type { LoadedLimit } from '../policy/loaded-policy.ts';
import { asker } from '../testing/policies.ts';
import { openSpendLedger, type Reservation, type SpendLedger, type SpendLedgerOptions } from './ledger.ts';
import type { LedgerStore } from './ledger-store.ts';
import { decodeRecord, encodeRecord } from './spend-record.ts';

const DAY = 86_400;
const daily: LoadedLimit = {
  kind: 'value',
  id: 'daily',
  window: DAY,
  per: 'key',
  max: 100n,
  chain: 'eip155:1',
  asset: 'native',
};
const often: LoadedLimit = { kind: 'rate', id: 'often', window: 60, per: 'key', max: 3n };

interface MemoryStore extends LedgerStore {
  readonly records: Map<string, Uint8Array>;
  commits: number;
  fails: boolean;
}

function memoryStore(...values: readonly Uint8Array[]): MemoryStore {
  const records = new Map(values.map((value, index) => [`before-${index}`, value]));
  const store: MemoryStore = {
    records,
    commits: 0,
    fails: false,
    load: () => [...records.values()],
    append: (added) => {
      if (store.fails) throw new Error('disk full');
      store.commits++;
      for (const { id, value } of added) records.set(id, value);
    },
    remove: (ids) => {
      if (store.fails) throw new Error('disk full');
      for (const id of ids) records.delete(id);
    },
  };
  return store;
}

interface Fixture {
  readonly ledger: SpendLedger;
  readonly store: MemoryStore;
  readonly clock: { now: number };
}

function fixture(limits: readonly LoadedLimit[], more: Partial<SpendLedgerOptions> = {}): Fixture {
  const store = (more.store as MemoryStore | undefined) ?? memoryStore();
  const clock = { now: 5000 };
  const ledger = openSpendLedger({
    store,
    limits: new Map([['hot', limits]]),
    instanceKeys: new Set(),
    now: () => clock.now,
    restarted: false,
    ...more,
  });
  return { ledger, store, clock };
}

const charge = (limit: string, amount: bigint): Charge => ({ limit, amount });
const reserve = (ledger: SpendLedger, ...charges: readonly Charge[]): Reservation => {
  const reserved = ledger.reserve('hot', charges, asker);
  if (!reserved.ok) throw new Error(reserved.reason);
  return reserved.reservation;
};
const refusal = (ledger: SpendLedger, charges: readonly Charge[], by = asker): string => {
  const reserved = ledger.reserve('hot', charges, by);
  return reserved.ok ? 'ok' : reserved.reason;
};
const codeOf = async (what: () => unknown): Promise<string> => {
  try {
    await what();
    return 'ok';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

promise('P4', 'a limit holds exactly: its last unit can be spent, and not one more', () => {
  const { ledger } = fixture([daily]);
  reserve(ledger, charge('daily', 99n));
  expect(refusal(ledger, [charge('daily', 2n)])).toBe(
    'limit daily: 2 asked, 1 of 100 left in 86400 s; there is room in 86400 s',
  );
  expect(ledger.room('hot', [charge('daily', 1n)], asker)).toEqual({ ok: true });
  reserve(ledger, charge('daily', 1n));
  expect(refusal(ledger, [charge('daily', 1n)])).toMatch(/0 of 100 left/);
  expect(refusal(ledger, [charge('daily', 101n)])).toBe('limit daily: 101 asked, but the whole limit is 100');
});

promise('P4', 'amounts beyond 2^53 are exact', () => {
  const max = 2n ** 255n + 1n;
  const { ledger } = fixture([{ ...daily, max }]);
  reserve(ledger, charge('daily', max - 1n));
  expect(refusal(ledger, [charge('daily', 2n)])).toMatch(/1 of/);
  expect(refusal(ledger, [charge('daily', 1n)])).toBe('ok');
});

promise('P4', 'windows roll: what was spent counts until a whole window has passed, to the millisecond', () => {
  const { ledger, clock } = fixture([daily]);
  reserve(ledger, charge('daily', 60n));
  clock.now += 1000;
  reserve(ledger, charge('daily', 40n));
  clock.now = 5000 + DAY * 1000 - 1;
  expect(refusal(ledger, [charge('daily', 60n)])).toMatch(/there is room in 1 s$/);
  clock.now += 1;
  expect(refusal(ledger, [charge('daily', 61n)])).toMatch(/60 of 100 left .* in 1 s$/);
  expect(refusal(ledger, [charge('daily', 60n)])).toBe('ok');
});

promise('P4', 'all limits are charged or none', () => {
  const { ledger } = fixture([daily, often]);
  expect(ledger.reserve('hot', [charge('often', 1n), charge('daily', 101n)], asker)).toMatchObject({
    ok: false,
    limit: 'daily',
  });
  for (let count = 0; count < 3; count++) reserve(ledger, charge('often', 1n), charge('daily', 1n));
  expect(ledger.reserve('hot', [charge('often', 1n), charge('daily', 1n)], asker)).toMatchObject({
    ok: false,
    limit: 'often',
  });
  expect(ledger.room('hot', [charge('daily', 97n)], asker)).toEqual({ ok: true });
  expect(ledger.room('hot', [charge('daily', 98n)], asker).ok).toBe(false);
});

promise('P4', 'reservations made together become durable in one commit, before any of them resolves', async () => {
  const { ledger, store } = fixture([daily]);
  const made = Array.from({ length: 10 }, () => reserve(ledger, charge('daily', 1n)));
  await Promise.all(
    made.map(async (one) => {
      await ledger.settle(one);
      expect(store.commits).toBe(1);
    }),
  );
  expect([...store.records.values()].map(decodeRecord)).toEqual([
    {
      type: 'vitrine/spend/v1',
      window: DAY,
      reservations: made.map(({ serial }) => ({
        serial,
        key: 'hot',
        charges: [{ limit: 'daily', scope: '', amount: '1' }],
      })),
    },
  ]);
  await ledger.settle(made[0] as Reservation);
  expect(store.commits).toBe(1);
});

promise('P4', 'where the commit fails nobody may sign, and nothing counts', async () => {
  const { ledger, store } = fixture([daily]);
  store.fails = true;
  const [one, two] = [reserve(ledger, charge('daily', 60n)), reserve(ledger, charge('daily', 40n))];
  expect(await codeOf(() => ledger.settle(one))).toBe('ledger.unavailable');
  // Taken back with the first, although it is settled only now.
  expect(await codeOf(() => ledger.settle(two))).toBe('ledger.unavailable');
  store.fails = false;
  expect(await codeOf(() => ledger.settle(two))).toBe('ledger.unavailable');
  const three = reserve(ledger, charge('daily', 100n));
  expect(await codeOf(() => ledger.settle(three))).toBe('ok');
  expect(store.records.size).toBe(1);
});

promise('P4', 'a released reservation leaves room, once, and cannot be settled', async () => {
  const { ledger, store } = fixture([daily]);
  const [one, two] = [reserve(ledger, charge('daily', 60n)), reserve(ledger, charge('daily', 40n))];
  ledger.release(one);
  ledger.release(one);
  expect(ledger.room('hot', [charge('daily', 61n)], asker).ok).toBe(false);
  expect(ledger.room('hot', [charge('daily', 60n)], asker).ok).toBe(true);
  expect(await codeOf(() => ledger.settle(one))).toBe('ledger.unavailable');
  await ledger.settle(two);
  expect(store.records.size).toBe(1);
  ledger.release(two);
  expect(ledger.room('hot', [charge('daily', 100n)], asker).ok).toBe(true);
});

promise('P4', 'a reservation that is released while it is settled does not resolve', async () => {
  const { ledger } = fixture([daily]);
  const one = reserve(ledger, charge('daily', 60n));
  const settled = codeOf(() => ledger.settle(one));
  ledger.release(one);
  expect(await settled).toBe('ledger.unavailable');
});

promise('P4', 'a slow commit makes a signature count from when it could leave', async () => {
  const clock = { now: 0 };
  const slow = memoryStore();
  const append = slow.append;
  slow.append = async (records) => {
    await append(records);
    clock.now += 59_000;
  };
  const { ledger } = fixture([{ ...often, max: 1n }], { store: slow, now: () => clock.now });
  await ledger.settle(reserve(ledger, charge('often', 1n)));
  clock.now += 1000;
  expect(refusal(ledger, [charge('often', 1n)])).toMatch(/there is room in 59 s$/);
});

promise('P4', 'a reservation that nobody settled for a whole window cannot be settled any more', async () => {
  const { ledger, clock } = fixture([daily, often]);
  const one = reserve(ledger, charge('daily', 100n), charge('often', 1n));
  clock.now += 60_000;
  reserve(ledger, charge('often', 1n));
  expect(await codeOf(() => ledger.settle(one))).toBe('ledger.unavailable');
  expect(ledger.room('hot', [charge('daily', 100n)], asker).ok).toBe(true);
});

promise('P4', 'a clock that goes backwards stops everything until it has caught up', async () => {
  const { ledger, clock } = fixture([daily]);
  await ledger.settle(reserve(ledger, charge('daily', 100n)));
  for (const wrong of [4999, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    clock.now = wrong;
    expect(await codeOf(() => ledger.reserve('hot', [charge('daily', 1n)], asker))).toBe('ledger.clock');
    expect(await codeOf(() => ledger.room('hot', [], asker))).toBe('ledger.clock');
  }
  clock.now = 5000;
  expect(refusal(ledger, [charge('daily', 1n)])).toMatch(/0 of 100 left/);
});

promise('P4', 'setting the wall clock changes no window', () => {
  const { ledger } = fixture([daily]);
  reserve(ledger, charge('daily', 100n));
  const now = Date.now;
  try {
    for (const jump of [-3_600_000, 365 * DAY * 1000]) {
      Date.now = () => now() + jump;
      expect(refusal(ledger, [charge('daily', 1n)])).toMatch(/0 of 100 left/);
    }
  } finally {
    Date.now = now;
  }
});

promise('P4', 'after a restart windows count as spent until a whole one has passed', () => {
  const { ledger, clock } = fixture([daily, often], { restarted: true });
  expect(refusal(ledger, [charge('daily', 1n)])).toBe(
    'limit daily: counts as spent after the restart; there is room in 86400 s',
  );
  expect(refusal(ledger, [])).toBe('ok');
  clock.now += 59_999;
  expect(refusal(ledger, [charge('often', 1n)])).toMatch(/after the restart; there is room in 1 s$/);
  clock.now += 1;
  expect(refusal(ledger, [charge('often', 1n)])).toBe('ok');
  expect(refusal(ledger, [charge('often', 1n), charge('daily', 1n)])).toMatch(/^limit daily/);
  clock.now = 5000 + DAY * 1000;
  expect(refusal(ledger, [charge('daily', 100n)])).toBe('ok');
});

promise('P4', 'a record stays as long as one of its reservations counts', async () => {
  const { ledger, store, clock } = fixture([{ ...often, max: 10_000n }, daily]);
  const both = [reserve(ledger, charge('often', 1n)), reserve(ledger, charge('daily', 1n))];
  await Promise.all(both.map((one) => ledger.settle(one)));
  const [kept] = store.records.keys();
  clock.now += 60_000;
  for (let count = 0; count < 40; count++) {
    await ledger.settle(reserve(ledger, charge('often', 1n)));
    clock.now += 60_000;
  }
  expect(store.records.size).toBeLessThanOrEqual(33);
  expect(store.records.has(kept ?? '')).toBe(true);
});

promise('P4', 'keys that are new at each boot start with empty windows and leave no record', async () => {
  const { ledger, store } = fixture([daily], { restarted: true, instanceKeys: new Set(['hot']) });
  await ledger.settle(reserve(ledger, charge('daily', 100n)));
  expect(refusal(ledger, [charge('daily', 1n)])).toMatch(/0 of 100 left/);
  expect(store.records.size).toBe(0);
});

const record = (serial: number): Uint8Array =>
  encodeRecord({
    window: 60,
    reservations: [{ serial, key: 'hot', charges: [{ limit: 'often', scope: '', amount: '1' }] }],
  });

promise(
  'P4',
  'records where there should be none count as a restart, and new ones never take their place',
  async () => {
    const { ledger, store, clock } = fixture([often], { store: memoryStore(record(41)) });
    expect(refusal(ledger, [charge('often', 1n)])).toMatch(/after the restart/);
    clock.now += 60_000;
    await ledger.settle(reserve(ledger, charge('often', 1n)));
    expect([...store.records.values()].flatMap((value) => decodeRecord(value).reservations)).toMatchObject([
      { serial: 41 },
      { serial: 42 },
    ]);
  },
);

promise('P4', 'a ledger does not open on records that it did not write', () => {
  const good = JSON.parse(new TextDecoder().decode(record(1))) as { readonly reservations: readonly object[] };
  const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
  const wrong = [
    new Uint8Array(0),
    Uint8Array.of(0xff),
    record(1).slice(0, -1),
    bytes({ ...good, type: 'vitrine/spend/v2' }),
    bytes({ ...good, window: 0 }),
    bytes({ ...good, more: 1 }),
    bytes({ ...good, reservations: [] }),
    ...[{ serial: 0 }, { charges: [] }, { charges: [{ limit: 'often', scope: '', amount: '-1' }] }].map((changes) =>
      bytes({ ...good, reservations: [{ ...good.reservations[0], ...changes }] }),
    ),
  ];
  for (const value of wrong) {
    expect(() => fixture([often], { store: memoryStore(value) })).toThrow(/a record of what was spent is not/);
  }
});

promise('P4', 'limits per tool and per principal are of each of them', () => {
  const { ledger } = fixture([
    { ...often, id: 'tool', per: 'tool', max: 2n },
    { ...often, id: 'user', per: 'principal', max: 3n },
  ]);
  const ask = (principal: string, ...tools: readonly string[]): string =>
    refusal(ledger, [charge('tool', 1n), charge('user', 1n)], { ...asker, principal, tools });
  expect(ask('ada', 'send', 'send', 'pay')).toBe('ok');
  expect(ask('ada', 'send')).toBe('ok');
  expect(ask('ada', 'pay', 'send')).toMatch(/^limit tool for "send": 1 asked, 0 of 2 left/);
  expect(ask('ada', 'pay')).toBe('ok');
  expect(ask('ada', 'read')).toMatch(/^limit user for "ada": /);
  expect(ask('eve', 'read')).toBe('ok');
  expect(ask('eve')).toBe('limit tool: counts per tool, and none is running');
  expect(refusal(ledger, [charge('user', 1n)], { ...asker, isolated: false })).toBe(
    'limit user: counts per principal, and the server serves several callers',
  );
});

promise('P4', 'the ledger keeps a bounded number of reservations, and none that is past', async () => {
  const { ledger, store, clock } = fixture([{ ...often, max: 10_000n }, daily], { maxLive: 300 });
  const fill = async (): Promise<void> => {
    await Promise.all(Array.from({ length: 300 }, () => ledger.settle(reserve(ledger, charge('often', 1n)))));
  };
  await fill();
  expect(await codeOf(() => ledger.reserve('hot', [charge('often', 1n)], asker))).toBe('ledger.full');
  expect(refusal(ledger, [])).toBe('ok');
  for (let round = 0; round < 100; round++) {
    clock.now += 60_000;
    await fill();
    // Those that became durable together are one record.
    expect(store.records.size).toBeLessThanOrEqual(33);
  }
});

promise('P4', 'a failure to remove old records stops nothing', async () => {
  const store = memoryStore();
  const { ledger, clock } = fixture([{ ...often, max: 10_000n }], { store });
  store.remove = () => {
    throw new Error('disk full');
  };
  for (let round = 0; round < 3; round++) {
    await Promise.all(Array.from({ length: 300 }, () => ledger.settle(reserve(ledger, charge('often', 1n)))));
    clock.now += 60_000;
  }
  const kept = [...store.records.values()].flatMap((value) => decodeRecord(value).reservations);
  expect(kept).toHaveLength(900);
});

promise('P4', 'what the ledger does not know is an error, never a yes', async () => {
  const { ledger } = fixture([daily]);
  const misuse = 'ledger.misuse';
  expect(await codeOf(() => ledger.reserve('cold', [], asker))).toBe(misuse);
  expect(await codeOf(() => ledger.reserve('hot', [charge('often', 1n)], asker))).toBe(misuse);
  expect(await codeOf(() => ledger.reserve('hot', [charge('daily', 0n)], asker))).toBe(misuse);
  expect(await codeOf(() => ledger.reserve('hot', [charge('daily', -1n)], asker))).toBe(misuse);
  expect(await codeOf(() => ledger.reserve('hot', [charge('daily', 1n), charge('daily', 1n)], asker))).toBe(misuse);
  expect(await codeOf(() => ledger.settle({ serial: 1 }))).toBe(misuse);
  expect(await codeOf(() => ledger.release({ serial: 1 }))).toBe(misuse);
});
