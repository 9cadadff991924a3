import { describe, expect, test } from 'vitest';
import { type Conduct, createConduct } from './conduct.ts';
import { defaultGatewayLimits } from './limits.ts';

function conductAt(clock: { time: number }): Conduct {
  const small = {
    outputBytesPerMinute: 100,
    garbageBytesPerMinute: 10,
    unaskedMessagesPerMinute: 2,
    errorBytesPerMinute: 50,
    logBytesPerSecond: 20,
  };
  return createConduct({ ...defaultGatewayLimits, ...small }, () => clock.time);
}

describe('each limit holds to its last unit, and anew in the next window', () => {
  const counted: readonly (readonly [string, number, (of: Conduct, amount: number) => string | undefined, RegExp])[] = [
    ['output', 100, (of, amount) => of.output(amount), /more than 100 bytes in a minute$/],
    ['garbage', 10, (of, amount) => of.garbage(amount), /10 bytes in a minute that are not JSON-RPC/],
    ['standard error', 50, (of, amount) => of.errors(amount), /50 bytes to standard error in a minute/],
  ];
  for (const [name, limit, spend, told] of counted) {
    test(name, () => {
      const clock = { time: 5 };
      const conduct = conductAt(clock);
      expect(spend(conduct, limit - 1)).toBeUndefined();
      expect(spend(conduct, 1)).toBeUndefined();
      expect(spend(conduct, 1)).toMatch(told);
      clock.time += 59_999;
      expect(spend(conduct, 1)).toMatch(told);
      clock.time += 1;
      expect(spend(conduct, limit)).toBeUndefined();
    });
  }
});

test('answers are free as far as they are owed', () => {
  const conduct = conductAt({ time: 0 });
  for (let count = 0; count < 10; count++) conduct.asked();
  for (let count = 0; count < 10; count++) expect(conduct.message(true)).toBeUndefined();
  expect([conduct.message(true), conduct.message(false)]).toEqual([undefined, undefined]);
  expect(conduct.message(true)).toMatch(/2 messages in a minute that answer nothing/);
});

test('what a request is owed does not pay for notifications', () => {
  const conduct = conductAt({ time: 0 });
  for (let count = 0; count < 10; count++) conduct.asked();
  expect([conduct.message(false), conduct.message(false)]).toEqual([undefined, undefined]);
  expect(conduct.message(false)).toBeDefined();
  expect(conduct.message(true)).toBeUndefined();
});

test('lines that may not be logged are counted, once', () => {
  const clock = { time: 0 };
  const conduct = conductAt(clock);
  expect([conduct.mayLog(20), conduct.mayLog(1), conduct.mayLog(1)]).toEqual([true, false, false]);
  expect([conduct.takeLeftOut(), conduct.takeLeftOut()]).toEqual([2, 0]);
  clock.time = 1_000;
  expect(conduct.mayLog(20)).toBe(true);
});
