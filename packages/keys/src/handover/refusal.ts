/**
 * How a hand-over is refused: with the identifier of the check that says no.
 *
 * @module
 */
import { UsageError, VitrineError } from '@vitrine/documents';
import type { HandoverCheck } from './checks.ts';

/** An error for the check that says no. */
export function refuse(check: HandoverCheck, why: string): UsageError {
  return new UsageError(check, `the hand-over is refused: ${why}`);
}

/** Nothing is wrong, and it may be tried again. */
export function busy(why: string): VitrineError {
  return new VitrineError('busy', `${why}; try again later`);
}

/** Whether the same may be tried again with hope: nothing was found to be wrong. */
export function isRetriable(code: string): boolean {
  return code === 'busy' || code === 'handover.endorsements' || code === 'attester.busy';
}
