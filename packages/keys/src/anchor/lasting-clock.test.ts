import type { WitnessedTime } from '@vitrine/attester';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { openLastingClock } from './lasting-clock.ts';

/** A clock over one restart: so far before, after so long a pause, with what is said of the time. */
function afterRestart(pause: number, error: number | undefined): number {
  let monotonic = 500;
  let real = 1_000_000;
  const time = (): WitnessedTime | undefined =>
    error === undefined ? undefined : { earliest: real - error, latest: real + error };
  const first = openLastingClock({ record: undefined, monotonic: () => monotonic, time });
  expect(first.now()).toBe(0);
  monotonic += 60_000;
  real += 60_000;
  expect(first.now()).toBe(60_000);
  const record = first.record();
  real += pause;
  monotonic = 3;
  const second = openLastingClock({ record, monotonic: () => monotonic, time });
  const there = second.now();
  monotonic += 1000;
  expect(second.now()).toBe(there + 1000);
  return there;
}

describe('a clock of the state', () => {
  promise('P4', 'stands still while nobody says what time it is', () => {
    expect(afterRestart(0, undefined)).toBe(60_000);
    expect(afterRestart(3_600_000, undefined)).toBe(60_000);
  });

  promise('P4', 'goes on by what is certain of the time that was witnessed, and never back', () => {
    expect(afterRestart(3_600_000, 0)).toBe(3_660_000);
    expect(afterRestart(3_600_000, 100)).toBe(3_659_800);
    expect(afterRestart(100, 100)).toBe(60_000);
    expect(afterRestart(-3_600_000, 0)).toBe(60_000);
  });

  promise('P4', 'makes up for a machine that was stopped, as far as that was witnessed', () => {
    let monotonic = 0;
    let told = { earliest: 1_000_000, latest: 1_000_100 };
    const clock = openLastingClock({ record: undefined, monotonic: () => monotonic, time: () => told });
    told = { earliest: 1_060_000, latest: 1_060_100 };
    expect(clock.now()).toBe(59_900);
    monotonic = 1000;
    expect(clock.now()).toBe(60_900);
    // Whoever says so may take it back; the clock does not go back.
    told = { earliest: 1_000_000, latest: 1_000_100 };
    expect(clock.now()).toBe(60_900);
  });

  test('that was kept without a time that was witnessed gains nothing from one', () => {
    const record = openLastingClock({ record: undefined, monotonic: () => 0, time: () => undefined }).record();
    const time = (): WitnessedTime => ({ earliest: 9e12, latest: 9e12 });
    expect(openLastingClock({ record, monotonic: () => 0, time }).now()).toBe(0);
  });

  test('does not open on what is no record of it', () => {
    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
    for (const wrong of ['', '{}', '{"type":"vitrine/lasting-clock/v1","at":-1}', '{"type":"x","at":1}']) {
      const open = (): unknown => openLastingClock({ record: bytes(wrong), monotonic: () => 0, time: () => undefined });
      expect(open).toThrow();
    }
  });
});
