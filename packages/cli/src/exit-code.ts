/**
 * Exit codes, the same for every command.
 *
 * @module
 */
import { VitrineError } from '@vitrine/documents/errors';
import type { AttestationResult } from '@vitrine/verifier';

export const EXIT = {
  done: 0,
  notVerified: 1,
  usage: 2,
  notChecked: 3,
  simulated: 4,
  internal: 5,
  serverFailed: 6,
} as const;

/** By class name, so that nothing has to be loaded only to find out that it was not the reason. */
const BY_CLASS: Readonly<Record<string, number>> = {
  UsageError: EXIT.usage,
  MalformedEvidenceError: EXIT.notVerified,
  VerificationError: EXIT.notVerified,
  EndorsementUnavailableError: EXIT.notChecked,
  RefusedError: EXIT.notVerified,
  UnreachableError: EXIT.notChecked,
  LockMismatchError: EXIT.notVerified,
  SourceUnavailableError: EXIT.notChecked,
  ServerFailedError: EXIT.serverFailed,
};

/** What could not be asked: the platform, a freshness anchor, another enclave. It may be there at the next try. */
const NOT_ASKED = /^(?:attester\.|anchor\.|handover\.unreachable$|keys\.anchor-unavailable$|busy$)/;

/** The exit code for an error; anything that Vitrine did not raise on purpose is an internal error. */
export function exitCodeOfError(error: unknown): number {
  if (!(error instanceof VitrineError)) return EXIT.internal;
  const { result } = error as { readonly result?: AttestationResult };
  if (result?.verdict === 'simulated') return EXIT.simulated;
  const byClass = BY_CLASS[error.name];
  if (byClass !== undefined) return byClass;
  if (NOT_ASKED.test(error.code)) return EXIT.notChecked;
  return error.code.startsWith('storage.') ? EXIT.usage : EXIT.internal;
}
