/**
 * The verifier's two errors for callers who want an exception instead of a verdict. Both carry the
 * AttestationResult that they stand for, so nothing is lost by throwing.
 *
 * @module
 */
import { VitrineError } from '@vitrine/documents';
import type { AttestationResult } from './result.ts';

/** What an error of the verifier carries besides its message. */
export interface VerifierErrorOptions extends ErrorOptions {
  readonly result?: AttestationResult;
}

/** Endorsements are missing or could not be obtained, so nothing is decided. Trying again may help. Exit code 3. */
export class EndorsementUnavailableError extends VitrineError {
  readonly result?: AttestationResult;

  constructor(code: string, message: string, options: VerifierErrorOptions = {}) {
    super(code, message, options);
    if (options.result !== undefined) this.result = options.result;
  }
}

/** The evidence is not acceptable: send no data. Exit code 1. */
export class VerificationError extends VitrineError {
  readonly result?: AttestationResult;

  constructor(code: string, message: string, options: VerifierErrorOptions = {}) {
    super(code, message, options);
    if (options.result !== undefined) this.result = options.result;
  }
}
