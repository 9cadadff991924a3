import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { GatewayBusyError } from './failure.ts';
import { createRestartBackoff, type RestartBackoff } from './restart-backoff.ts';

function waitOf(backoff: RestartBackoff, key: string): number {
  try {
    backoff.admit(key);
    return 0;
  } catch (error) {
    if (error instanceof GatewayBusyError) return error.retryAfterSeconds ?? Number.NaN;
    throw error;
  }
}

promise('P8', 'a server that ended once is started again at once, then after 1, 2, 4 … 60 seconds', () => {
  let time = 0;
  const backoff = createRestartBackoff(() => time);
  expect(waitOf(backoff, 'a')).toBe(0);
  const waits: number[] = [];
  for (let count = 0; count < 9; count++) {
    backoff.failed('a');
    waits.push(waitOf(backoff, 'a'));
    time += waitOf(backoff, 'a') * 1000;
    expect(waitOf(backoff, 'a')).toBe(0);
  }
  expect(waits).toEqual([0, 1, 2, 4, 8, 16, 32, 60, 60]);
});

promise('P1', 'who breaks a server does not keep others from theirs', () => {
  const backoff = createRestartBackoff(() => 0);
  for (let count = 0; count < 5; count++) backoff.failed('a');
  expect([waitOf(backoff, 'a'), waitOf(backoff, 'b')]).toEqual([8, 0]);
  expect(backoff.size()).toBe(1);
});

test('a wait is over at its last millisecond and not before', () => {
  let time = 0;
  const backoff = createRestartBackoff(() => time);
  backoff.failed('a');
  backoff.failed('a');
  time = 999;
  expect(waitOf(backoff, 'a')).toBe(1);
  time = 1000;
  expect(waitOf(backoff, 'a')).toBe(0);
});

test('after five minutes without failure the count begins anew', () => {
  let time = 0;
  const backoff = createRestartBackoff(() => time);
  for (let count = 0; count < 9; count++) backoff.failed('a');
  time = 5 * 60_000 - 1;
  backoff.failed('a');
  expect(waitOf(backoff, 'a')).toBe(60);
  time += 5 * 60_000;
  backoff.failed('a');
  expect(waitOf(backoff, 'a')).toBe(0);
});

test('what is remembered is bounded; the oldest is forgotten', () => {
  const backoff = createRestartBackoff(() => 0);
  for (const key of ['first', 'first', 'first']) backoff.failed(key);
  for (let count = 0; count < 4096; count++) backoff.failed(`other ${count}`);
  expect(waitOf(backoff, 'first')).toBe(0);
  expect(backoff.size()).toBe(0);
});
