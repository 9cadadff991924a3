/**
 * From checks to a verdict, from a verdict to what the caller does next.
 *
 * @module
 */
import { EndorsementUnavailableError, VerificationError } from './errors.ts';
import type { AttestationResult, Check, Verdict } from './result.ts';

export interface Decision {
  readonly verdict: Verdict;
  readonly decidedBy: string | null;
}

/** What stands behind the evidence: a vendor's root, an allowed simulator, or a root that only bears the simulator's marker. */
export type Root = 'vendor' | 'simulator' | 'simulator-not-allowed' | 'none';

/** The verdict by precedence: rejected, undetermined, simulated, verified. */
export function decide(checks: readonly Check[], root: Root): Decision {
  const first = (status: Check['status']): string | undefined => checks.find((check) => check.status === status)?.id;
  // The marker is no reason to trust anything; it only replaces "forged" by the more helpful "simulated".
  const chain = first('failed');
  if (root === 'simulator-not-allowed') return { verdict: 'simulated', decidedBy: chain ?? null };
  if (chain !== undefined) return { verdict: 'rejected', decidedBy: chain };
  const open = first('unavailable');
  if (open !== undefined) return { verdict: 'undetermined', decidedBy: open };
  if (root === 'vendor') return { verdict: 'verified', decidedBy: null };
  if (root === 'simulator') return { verdict: 'simulated', decidedBy: null };
  return { verdict: 'rejected', decidedBy: null };
}

/** Whether simulated evidence was allowed by the caller and is good in every other respect. */
function simulatedAsAllowed(result: AttestationResult, allowSimulated: boolean): boolean {
  return (
    result.verdict === 'simulated' &&
    allowSimulated &&
    result.checks.every((check) => check.status !== 'failed' && check.status !== 'unavailable')
  );
}

/**
 * Exit code of a verdict: 0 verified, or simulated where allowed; 1 rejected; 3 undetermined;
 * 4 simulated where hardware is wanted.
 */
export function exitCodeOf(result: AttestationResult, options: { readonly allowSimulated: boolean }): 0 | 1 | 3 | 4 {
  switch (result.verdict) {
    case 'verified':
      return 0;
    case 'rejected':
      return 1;
    case 'undetermined':
      return 3;
    case 'simulated':
      return simulatedAsAllowed(result, options.allowSimulated) ? 0 : 4;
  }
}

/**
 * Returns when data may be sent; throws otherwise.
 *
 * @throws VerificationError when evidence or policy says no, also for simulated evidence that was not allowed.
 * @throws EndorsementUnavailableError when it could not be checked.
 */
export function requireVerified(result: AttestationResult, options: { readonly allowSimulated: boolean }): void {
  if (exitCodeOf(result, options) === 0) return;
  const check = result.checks.find((one) => one.id === result.decidedBy);
  const reason = check === undefined ? result.verdict : `${check.id}: ${check.message}`;
  if (result.verdict === 'undetermined')
    throw new EndorsementUnavailableError(`could not be checked: ${reason}`, result);
  throw new VerificationError(`not verified: ${reason}`, result);
}
