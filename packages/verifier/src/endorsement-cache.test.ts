import { forgeCollateral, forgePki } from '@vitrine/simulator/faults';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { cachedEndorsements, type EndorsementStore } from './endorsement-cache.ts';
import type { Endorsement } from './endorsement-file.ts';

const start = new Date('2026-06-01T00:00:00Z');
const good: readonly Endorsement[] = [forgeCollateral(forgePki({ now: start }))];
const platform = { technology: 'tdx', fmspc: '53494d544545', ca: 'platform' } as const;
const HOUR = 3_600_000;

function setting(stored: Record<string, string> = {}) {
  let asked = 0;
  let hours = 0;
  let down = false;
  const store: EndorsementStore = {
    read: async (key) => stored[key],
    write: async (key, text) => {
      stored[key] = text;
    },
  };
  const fetcher = cachedEndorsements(
    async () => {
      asked++;
      if (down) throw new Error('the service is down');
      return good;
    },
    { store, now: () => new Date(start.getTime() + hours * HOUR), freshMs: 24 * HOUR, staleMs: 72 * HOUR },
  );
  return {
    stored,
    asked: () => asked,
    get: () => fetcher(platform),
    later: (by: number) => {
      hours += by;
    },
    breakService: () => {
      down = true;
    },
  };
}

promise('P7', 'the service is asked once while the entry is fresh, and again after that', async () => {
  const cache = setting();
  expect(await cache.get()).toEqual(good);
  cache.later(23);
  expect(await cache.get()).toEqual(good);
  expect(cache.asked()).toBe(1);
  cache.later(2);
  await cache.get();
  expect(cache.asked()).toBe(2);
});

promise('P7', 'an outage is bridged by an entry that is not too old, and by nothing else', async () => {
  const cache = setting();
  await cache.get();
  cache.breakService();
  cache.later(48);
  expect(await cache.get()).toEqual(good);
  cache.later(25);
  await expect(cache.get()).rejects.toThrow('the service is down');
});

promise('P7', 'a failure is not remembered', async () => {
  const cache = setting();
  cache.breakService();
  await expect(cache.get()).rejects.toThrow();
  expect(cache.stored).toEqual({});
});

for (const [what, change] of [
  ['damaged', () => '{"type":'],
  ['of another kind', () => '{"type":"vitrine/pins/v1","pins":{}}'],
  ['from the future', (text: string) => text.replace('2026-06-01', '2027-06-01')],
  ['without a readable time', (text: string) => text.replace('2026-06-01T', 'soon')],
] as const) {
  promise('P7', `an entry that is ${what} is replaced, never used`, async () => {
    const cache = setting();
    await cache.get();
    const [key] = Object.keys(cache.stored) as [string];
    cache.stored[key] = change(cache.stored[key] ?? '');
    expect(await cache.get()).toEqual(good);
    expect(cache.asked()).toBe(2);
    cache.breakService();
    cache.stored[key] = change(cache.stored[key] ?? '');
    await expect(cache.get()).rejects.toThrow();
  });
}

promise('P7', 'a store that fails costs a request, not the endorsements', async () => {
  const fetcher = cachedEndorsements(async () => good, {
    store: { read: () => Promise.reject(new Error('no disk')), write: () => Promise.reject(new Error('no disk')) },
    now: () => start,
    freshMs: HOUR,
    staleMs: HOUR,
  });
  expect(await fetcher(platform)).toEqual(good);
});
