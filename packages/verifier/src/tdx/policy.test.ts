import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { POLICY } from '../testing/forged.ts';
import { checkTdxPolicy, type TdxPolicy, tdxPolicyShape } from './policy.ts';

const PIN = 'ab'.repeat(48);
const OPEN = { mrtd: 'any', rtmr0: 'any', rtmr1: 'any', rtmr2: 'any', rtmr3: 'any' } as const;
const LAUNCH = { mrtd: PIN, rtmr0: PIN, rtmr1: PIN, rtmr2: PIN, rtmr3: 'any' } as const;
const pinning = (...registers: Exclude<TdxPolicy['registers'], 'any'>): TdxPolicy => ({ ...POLICY, registers });

describe('policies of TDX that pin registers', () => {
  const good: readonly [name: string, policy: TdxPolicy][] = [
    ['nothing', POLICY],
    ['MRTD alone', pinning({ ...OPEN, mrtd: PIN })],
    ['all launch registers', pinning(LAUNCH)],
    ['all registers', pinning({ ...LAUNCH, rtmr3: PIN })],
  ];
  for (const [name, policy] of good) {
    promise('P3', `${name}: no objection`, () => {
      expect(checkTdxPolicy(policy)).toEqual([]);
    });
  }

  const bad: readonly [name: string, policy: TdxPolicy, reason: RegExp][] = [
    ['RTMR3 alone', pinning({ ...OPEN, rtmr3: PIN }), /pins rtmr3 and leaves mrtd, rtmr0, rtmr1, rtmr2 open/],
    ['RTMR3 without MRTD', pinning({ ...LAUNCH, rtmr3: PIN, mrtd: 'any' }), /leaves mrtd open/],
    ['RTMR3 without RTMR1', pinning({ ...LAUNCH, rtmr3: PIN, rtmr1: 'any' }), /leaves rtmr1 open/],
    ['RTMR2 without RTMR0', pinning({ ...LAUNCH, rtmr0: 'any' }), /pins rtmr1, rtmr2 and leaves rtmr0 open/],
    ['nothing in a list', pinning(OPEN), /pins no register/],
  ];
  for (const [name, policy, reason] of bad) {
    promise('P3', `${name}: an issue that says what to pin too`, () => {
      expect(checkTdxPolicy(policy)).toEqual([
        { path: ['registers', 0], message: expect.stringMatching(reason) as string },
      ]);
    });
  }

  promise('P3', 'each combination is looked at', () => {
    const issues = checkTdxPolicy(pinning(LAUNCH, { ...OPEN, rtmr3: PIN }, LAUNCH, OPEN));
    expect(issues.map(({ path }) => path[1])).toEqual([1, 3]);
  });

  const refused: readonly [name: string, change: Record<string, unknown>][] = [
    ['an empty list of registers', { registers: [] }],
    ['a register that is left out', { registers: [{ mrtd: PIN, rtmr0: PIN, rtmr1: PIN, rtmr2: PIN }] }],
    ['a register that is too short', { registers: [{ ...LAUNCH, rtmr3: 'ab' }] }],
    ['an empty list of service TDs', { serviceTds: [] }],
    ['grace of no days', { grace: { days: 0 } }],
    ['grace without a number', { grace: 'any' }],
    ['a date without a time', { minimumTcbDate: '2024-11-13' }],
    ['a revoked status', { tcbStatus: ['Revoked'] }],
  ];
  for (const [name, change] of refused) {
    promise('P3', `${name} is no policy`, () => {
      expect(tdxPolicyShape.parse({ ...POLICY, ...change }).ok).toBe(false);
    });
  }
});
