import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { createWindow, type Entry } from './window.ts';

const entry = (at: number): Entry => ({ at, scope: '', amount: 1n, expired: () => undefined, gone: false });

promise('P4', 'what is taken back without end leaves nothing behind', () => {
  const window = createWindow(1_000_000);
  window.add(entry(0));
  for (let at = 1; at <= 50_000; at++) {
    const one = entry(at);
    window.add(one);
    window.remove(one);
    window.remove(one);
    window.advance(at);
  }
  expect(window.size()).toBeLessThan(5_000);
  expect(window.used('')).toBe(1n);
  window.add(entry(50_001));
  expect(window.freeAt('', 1n)).toBe(1_000_000);
  window.advance(1_000_000);
  expect(window.used('')).toBe(1n);
  window.advance(1_050_001);
  expect(window.used('')).toBe(0n);
});
