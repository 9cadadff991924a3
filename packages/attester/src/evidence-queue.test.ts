import { VitrineError } from '@vitrine/documents';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { type EvidenceQueueOptions, queuedQuoteSource } from './evidence-queue.ts';
import type { QuoteSource } from './quote-source.ts';

type Bytes = Uint8Array<ArrayBuffer>;

interface Pending {
  readonly asked: Bytes;
  readonly answer: () => void;
  readonly fail: () => void;
}

/** A source whose answers a test gives by hand. */
function manual(): { readonly source: QuoteSource; readonly pending: Pending[] } {
  const pending: Pending[] = [];
  const source: QuoteSource = {
    technology: 'tdx',
    quote: (asked) =>
      new Promise((resolve, reject) => {
        pending.push({
          asked,
          answer: () => resolve(asked),
          fail: () => reject(new VitrineError('attester.hardware', 'broken')),
        });
      }),
    endorsements: async () => ({ type: 'vitrine/endorsements/v1', certificates: ['MAA'] }),
  };
  return { source, pending };
}

const reportData = (value: number): Bytes => new Uint8Array(64).fill(value);
const queue = (source: QuoteSource, options: Partial<EvidenceQueueOptions> = {}): QuoteSource =>
  queuedQuoteSource(source, { waiting: 2, monotonic: () => 0, ...options });
/** Long enough for everything that can happen without an answer. */
const settle = async (): Promise<void> => {
  for (let count = 0; count < 10; count++) await Promise.resolve();
};
const BUSY = { code: 'attester.busy' };

promise('P2', 'requests go one after another, in their order, each with its own answer', async () => {
  const { source, pending } = manual();
  const queued = queue(source);
  const asked = [1, 2, 3].map((value) => queued.quote(reportData(value)));
  for (const value of [1, 2, 3]) {
    await settle();
    expect(pending).toHaveLength(value);
    expect(pending[value - 1]?.asked[0]).toBe(value);
    pending[value - 1]?.answer();
  }
  expect((await Promise.all(asked)).map(([first]) => first)).toEqual([1, 2, 3]);
});

promise('P2', 'who finds the line full is told at once, and the line goes on', async () => {
  const { source, pending } = manual();
  const queued = queue(source);
  const asked = [1, 2, 3].map((value) => queued.quote(reportData(value)));
  await expect(queued.quote(reportData(4))).rejects.toMatchObject(BUSY);
  pending[0]?.answer();
  await settle();
  const fourth = queued.quote(reportData(4));
  await expect(queued.quote(reportData(5))).rejects.toMatchObject(BUSY);
  for (let index = 1; index < 4; index++) {
    pending[index]?.answer();
    await settle();
  }
  expect((await Promise.all([...asked, fourth])).map(([first]) => first)).toEqual([1, 2, 3, 4]);
});

promise('P2', 'a request that fails fails alone', async () => {
  const { source, pending } = manual();
  const queued = queue(source);
  const asked = [1, 2, 3].map((value) => queued.quote(reportData(value)));
  const outcomes = Promise.allSettled(asked);
  await settle();
  pending[0]?.fail();
  await settle();
  pending[1]?.fail();
  await settle();
  pending[2]?.answer();
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
  const next = queued.quote(reportData(9));
  await settle();
  pending[3]?.answer();
  expect((await next)[0]).toBe(9);
});

test('a source that throws instead of rejecting keeps no place', async () => {
  const throwing: QuoteSource = {
    ...manual().source,
    quote: () => {
      throw new VitrineError('attester.hardware', 'at once');
    },
  };
  const queued = queue(throwing, { waiting: 0 });
  for (const _ of [1, 2, 3]) await expect(queued.quote(reportData(1))).rejects.toThrow('at once');
});

test('as many as are allowed go at the same time', async () => {
  const { source, pending } = manual();
  const queued = queue(source, { concurrent: 2, waiting: 0 });
  const asked = [queued.quote(reportData(1)), queued.quote(reportData(2))];
  await expect(queued.quote(reportData(3))).rejects.toMatchObject(BUSY);
  await settle();
  for (const one of pending) one.answer();
  await Promise.all(asked);
});

describe('a rate', () => {
  const at = (): { now: number } => ({ now: 1000 });
  async function ask(queued: QuoteSource, pending: Pending[]): Promise<'busy' | 'quoted'> {
    const asked = queued.quote(reportData(1)).then(
      () => 'quoted' as const,
      (error: VitrineError) => (error.code === 'attester.busy' ? ('busy' as const) : Promise.reject(error)),
    );
    await settle();
    pending.pop()?.answer();
    return asked;
  }

  promise('P2', 'is kept over time, and full again after a minute', async () => {
    const clock = at();
    const { source, pending } = manual();
    const queued = queue(source, { perMinute: 3, monotonic: () => clock.now });
    const asked = async (count: number): Promise<readonly string[]> => {
      const outcomes: string[] = [];
      for (let index = 0; index < count; index++) outcomes.push(await ask(queued, pending));
      return outcomes;
    };
    expect(await asked(4)).toEqual(['quoted', 'quoted', 'quoted', 'busy']);
    clock.now += 19_999;
    expect(await asked(1)).toEqual(['busy']);
    clock.now += 2;
    expect(await asked(2)).toEqual(['quoted', 'busy']);
    clock.now += 3_600_000;
    expect(await asked(4)).toEqual(['quoted', 'quoted', 'quoted', 'busy']);
  });

  test('is not spent by those whom the line refused, nor gained by a clock that goes back', async () => {
    const clock = at();
    const { source, pending } = manual();
    const queued = queue(source, { perMinute: 2, waiting: 0, monotonic: () => clock.now });
    const first = queued.quote(reportData(1));
    await expect(queued.quote(reportData(2))).rejects.toMatchObject(BUSY);
    await settle();
    pending.pop()?.answer();
    await first;
    expect(await ask(queued, pending)).toBe('quoted');
    clock.now -= 600_000;
    expect(await ask(queued, pending)).toBe('busy');
  });
});

test('the rest is passed through', async () => {
  const { source } = manual();
  const bare = queue(source);
  expect(bare.technology).toBe('tdx');
  expect(await bare.endorsements()).toMatchObject({ certificates: ['MAA'] });
  expect([bare.eventLog, bare.launch]).toEqual([undefined, undefined]);
  const log = Uint8Array.of(1);
  const launch = { kind: 'app-compose', bytes: log };
  const full = queue({ ...source, eventLog: async () => log, launch: async () => launch });
  expect(await full.eventLog?.()).toBe(log);
  expect(await full.launch?.()).toBe(launch);
});

test.each([[{ concurrent: 0 }], [{ waiting: -1 }], [{ perMinute: 0 }], [{ waiting: 1.5 }]])(
  '%o is no queue',
  (options) => {
    expect(() => queue(manual().source, options)).toThrow(/must be an integer/);
  },
);
