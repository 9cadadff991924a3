/**
 * The descriptions of checks are those of the checks that verification gives, in their order.
 *
 * @module
 */

import { forgePki } from '@vitrine/simulator/faults';
import { describe, expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { BINDING_CHECKS } from './bindings.ts';
import { COMMON_CHECKS } from './common-checks.ts';
import { SGX_CHECKS } from './sgx/checks.ts';
import { TDX_CHECKS } from './tdx/checks.ts';
import type { CheckInfo, HardwareOutcome } from './technology.ts';
import { anchorOf, NOW, verifyForged } from './testing/forged.ts';
import { verifyForgedSgx } from './testing/forged-sgx.ts';
import { WORKLOAD_CHECKS } from './workload.ts';

const stranger = () => [anchorOf(forgePki({ now: NOW }))];

const technologies: readonly [
  name: string,
  checks: readonly CheckInfo[],
  outcomes: () => Promise<HardwareOutcome>[],
][] = [
  [
    'TDX',
    TDX_CHECKS,
    () => [verifyForged(), verifyForged({ collateral: () => [] }), verifyForged({ anchors: stranger })],
  ],
  [
    'SGX',
    SGX_CHECKS,
    () => [verifyForgedSgx(), verifyForgedSgx({ collateral: () => [] }), verifyForgedSgx({ anchors: stranger })],
  ],
];

describe('descriptions of checks', () => {
  for (const [name, checks, outcomes] of technologies) {
    promise('P7', `${name}: whatever the outcome, its checks are the described ones, in order`, async () => {
      for (const outcome of await Promise.all(outcomes())) {
        expect(outcome.checks.map(({ id }) => id)).toEqual(checks.map(({ id }) => id));
      }
    });
  }

  promise('P7', 'common checks are described in the order of results, after those for unreadable input', () => {
    const ids = COMMON_CHECKS.map(({ id }) => id);
    expect(ids.slice(0, 3)).toEqual(['evidence.format', 'bundle.format', 'endorsements.format']);
    expect(ids.slice(3)).toEqual([...WORKLOAD_CHECKS, ...BINDING_CHECKS, 'provenance.source']);
  });

  promise('P7', 'each is described once, in one sentence that says what it stops', () => {
    const all = [...COMMON_CHECKS, ...TDX_CHECKS, ...SGX_CHECKS];
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    for (const { what, attack, specification } of all) {
      for (const sentence of [what, attack]) expect(sentence).toMatch(/^[A-Z].*[^.]\.$/);
      expect(specification).not.toBe('');
    }
  });
});
