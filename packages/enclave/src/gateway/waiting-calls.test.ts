import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { createStateSeal, type StateBinding } from './request-state.ts';
import { createWaitingCalls, type WaitingCalls } from './waiting-calls.ts';

interface Call {
  readonly name: string;
  giveUp(): void;
}

function of(principal: string): StateBinding {
  return { principal, capabilities: { roots: {} }, method: 'tools/call', params: { name: 't' } };
}

interface Bench {
  readonly waiting: WaitingCalls<Call>;
  readonly givenUp: string[];
  call(name: string): Call;
  at(time: number): void;
}

function bench(waitingCalls: number = 3): Bench {
  let time = 0;
  const givenUp: string[] = [];
  const seal = createStateSeal(randomBytes(32), randomBytes);
  return {
    waiting: createWaitingCalls<Call>(seal, { waitingCalls, inputMs: 100 }, randomBytes, () => time),
    givenUp,
    call: (name) => ({ name, giveUp: () => givenUp.push(name) }),
    at(next) {
      time = next;
    },
  };
}

promise('P1', 'a waiting call is found once', () => {
  const { waiting, call, givenUp } = bench();
  const state = waiting.park(call('a'), of('A'));
  expect(waiting.take(state, of('A'))?.name).toBe('a');
  expect(waiting.take(state, of('A'))).toBeUndefined();
  expect([waiting.size(), givenUp]).toEqual([0, []]);
});

promise('P1', 'somebody else’s attempt finds nothing and does not use the state up', () => {
  const { waiting, call } = bench();
  const state = waiting.park(call('a'), of('A'));
  expect(waiting.take(state, of('B'))).toBeUndefined();
  expect(waiting.take(state, of('A'))?.name).toBe('a');
});

promise('P1', 'an expired state finds nothing, also before anybody has swept', () => {
  const { waiting, call, at, givenUp } = bench();
  const state = waiting.park(call('a'), of('A'));
  at(100);
  expect(waiting.take(state, of('A'))).toBeUndefined();
  waiting.sweep(99);
  expect(givenUp).toEqual([]);
  waiting.sweep(100);
  expect([givenUp, waiting.size()]).toEqual([['a'], 0]);
});

promise('P8', 'the caller’s own oldest call is given up first, else the oldest of all', () => {
  const { waiting, call, givenUp } = bench();
  waiting.park(call('b1'), of('B'));
  waiting.park(call('a1'), of('A'));
  waiting.park(call('a2'), of('A'));
  waiting.park(call('a3'), of('A'));
  expect(givenUp).toEqual(['a1']);
  waiting.park(call('c1'), of('C'));
  expect(givenUp).toEqual(['a1', 'b1']);
  waiting.giveUpAll();
  expect(givenUp).toEqual(['a1', 'b1', 'a2', 'a3', 'c1']);
  expect(waiting.size()).toBe(0);
});
