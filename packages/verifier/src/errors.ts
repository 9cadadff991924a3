/**
 * The verifier's two errors for callers who want an exception instead of a verdict. Both carry the
 * AttestationResult that they stand for, so nothing is lost by throwing.
 *
 * @module
 */
import { VitrineError } from '@vitrine/documents/evidence';
import type { AttestationResult } from './result.ts';

/** Nothing is decided, since endorsements or something to compare with are missing. Exit code 3. */
export class EndorsementUnavailableError extends VitrineError {
  readonly result: AttestationResult;

  constructor(message: string, result: AttestationResult, options?: ErrorOptions) {
    super('verification.undetermined', message, options);
    this.result = result;
  }
}

/** The evidence is not acceptable: send no data. Exit code 1, or 4 for simulated evidence that was not allowed. */
export class VerificationError extends VitrineError {
  readonly result: AttestationResult;

  constructor(message: string, result: AttestationResult, options?: ErrorOptions) {
    super('verification.rejected', message, options);
    this.result = result;
  }
}
