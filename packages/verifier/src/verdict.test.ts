import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { EndorsementUnavailableError, VerificationError } from './errors.ts';
import type { AttestationResult, Check, CheckStatus } from './result.ts';
import { decide, exitCodeOf, type Root, requireVerified } from './verdict.ts';

const checks = (...statuses: readonly CheckStatus[]): readonly Check[] =>
  statuses.map((status, index) => ({ id: `c.${index}`, status, message: status }));

const table: readonly (readonly [string, readonly CheckStatus[], Root, string, string | null])[] = [
  ['everything passed', ['passed', 'passed'], 'vendor', 'verified', null],
  ['something waived', ['passed', 'waived'], 'vendor', 'verified', null],
  ['something unavailable', ['passed', 'unavailable'], 'vendor', 'undetermined', 'c.1'],
  ['something failed', ['passed', 'failed'], 'vendor', 'rejected', 'c.1'],
  ['failed after unavailable', ['unavailable', 'failed'], 'vendor', 'rejected', 'c.1'],
  ['two failed: the first decides', ['failed', 'failed'], 'vendor', 'rejected', 'c.0'],
  ['an allowed simulator', ['passed'], 'simulator', 'simulated', null],
  ['an allowed simulator with a failure', ['failed'], 'simulator', 'rejected', 'c.0'],
  ['an allowed simulator with a gap', ['unavailable'], 'simulator', 'undetermined', 'c.0'],
  ['a simulator that was not allowed', ['failed', 'unavailable'], 'simulator-not-allowed', 'simulated', 'c.0'],
  ['no anchor at all', ['passed'], 'none', 'rejected', null],
];
for (const [what, statuses, root, verdict, decidedBy] of table) {
  promise('P7', `verdict where there is ${what}: ${verdict}`, () => {
    expect(decide(checks(...statuses), root)).toEqual({ verdict, decidedBy });
  });
}

function resultOf(root: Root, ...statuses: readonly CheckStatus[]): AttestationResult {
  const made = checks(...statuses);
  return {
    type: 'vitrine/attestation-result/v1',
    ...decide(made, root),
    scope: 'live',
    checks: made,
    unverified: {},
    limits: [],
    digests: { evidence: '', policy: '', endorsements: null, referenceValues: null, eventLog: null },
    time: '2026-01-01T00:00:00.000Z',
  };
}

promise('P7', 'exit codes follow the verdict, and a simulator counts only where it is allowed', () => {
  const codes = (result: AttestationResult): readonly number[] => [
    exitCodeOf(result, { allowSimulated: false }),
    exitCodeOf(result, { allowSimulated: true }),
  ];
  expect(codes(resultOf('vendor', 'passed'))).toEqual([0, 0]);
  expect(codes(resultOf('vendor', 'failed'))).toEqual([1, 1]);
  expect(codes(resultOf('vendor', 'unavailable'))).toEqual([3, 3]);
  expect(codes(resultOf('simulator', 'passed'))).toEqual([4, 0]);
  expect(codes(resultOf('simulator-not-allowed', 'failed'))).toEqual([4, 4]);
});

promise('P2', 'requireVerified throws for everything but a yes', () => {
  requireVerified(resultOf('vendor', 'passed'), { allowSimulated: false });
  requireVerified(resultOf('simulator', 'passed'), { allowSimulated: true });
  expect(() => requireVerified(resultOf('vendor', 'failed'), { allowSimulated: true })).toThrow(VerificationError);
  expect(() => requireVerified(resultOf('vendor', 'unavailable'), { allowSimulated: true })).toThrow(
    EndorsementUnavailableError,
  );
  expect(() => requireVerified(resultOf('simulator', 'passed'), { allowSimulated: false })).toThrow(VerificationError);
  expect(() => requireVerified(resultOf('simulator-not-allowed', 'failed'), { allowSimulated: true })).toThrow(
    VerificationError,
  );
});

promise('P7', 'simulated with anything failed or open is exit code 4, even where a simulator is allowed', () => {
  const simulated = (...statuses: readonly CheckStatus[]): AttestationResult => ({
    ...resultOf('vendor', ...statuses),
    verdict: 'simulated',
  });
  expect(exitCodeOf(simulated('passed', 'waived'), { allowSimulated: true })).toBe(0);
  for (const status of ['failed', 'unavailable'] as const) {
    expect(exitCodeOf(simulated('passed', status), { allowSimulated: true })).toBe(4);
    expect(exitCodeOf(simulated(status, 'passed'), { allowSimulated: true })).toBe(4);
  }
  expect(exitCodeOf({ ...resultOf('vendor', 'passed'), verdict: 'rejected' }, { allowSimulated: true })).toBe(1);
});

promise('P2', 'the error of requireVerified names the check that decided, and carries the result', () => {
  const rejected = resultOf('vendor', 'passed', 'failed', 'failed');
  const thrown = (): void => requireVerified(rejected, { allowSimulated: false });
  expect(thrown).toThrow('not verified: c.1: failed');
  expect(thrown).toThrow(expect.objectContaining({ result: rejected }));
  expect(() => requireVerified(resultOf('vendor', 'unavailable'), { allowSimulated: false })).toThrow(
    'could not be checked: c.0: unavailable',
  );
  expect(() => requireVerified({ ...rejected, decidedBy: null }, { allowSimulated: false })).toThrow(
    /^not verified: rejected$/,
  );
});
