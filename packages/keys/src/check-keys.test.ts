import type { KeySpec } from '@vitrine/documents';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { keyProblems } from './check-keys.ts';

const signing = (change: object = {}): KeySpec =>
  ({
    origin: 'derived',
    algorithm: 'ed25519',
    version: 2,
    policy: { rules: [{ id: 'a', effect: 'allow', action: 'sign', contexts: ['notes'] }] },
    ...change,
  }) as KeySpec;

const problems = (keys: Readonly<Record<string, KeySpec>>): unknown =>
  keyProblems(keys, { isolated: true }).map(({ path, error }) => [path.join('/'), error.code]);

promise('P4', 'keys that the service would take have no problem', () => {
  expect(problems({ a: signing(), b: signing({ path: "m/44'/501'" }), c: signing({ retired: [1] }) })).toEqual([]);
});

promise('P4', 'each key is named with the place where it is wrong', () => {
  const rules = [{ id: 'a', effect: 'allow', action: 'mac', contexts: ['notes'] }];
  const twice = [signing().policy.rules[0], signing().policy.rules[0]];
  expect(
    problems({
      a: signing(),
      b: signing({ policy: { rules } }),
      c: signing({ policy: { rules: twice } }),
      d: signing({ path: "m/44'/0" }),
      e: signing({ path: "m/4400000000'" }),
      f: signing({ algorithm: 'p256', path: "m/44'" }),
      g: signing({ version: 2 ** 32 }),
    }),
  ).toEqual([
    ['keys/b/policy/rules/0/action', 'policy.algorithm'],
    ['keys/c/policy/rules/1/id', 'policy.duplicate'],
    ['keys/d/path', 'keys.path'],
    ['keys/e/path', 'keys.path'],
    ['keys/f/path', 'keys.path'],
    ['keys/g', 'keys.spec'],
  ]);
});
