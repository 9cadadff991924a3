/**
 * Exit codes, the same for every command.
 *
 * @module
 */
import { MalformedEvidenceError, UsageError, VitrineError } from '@vitrine/documents';

export const EXIT = {
  done: 0,
  notVerified: 1,
  usage: 2,
  notChecked: 3,
  simulated: 4,
  internal: 5,
  serverFailed: 6,
} as const;

/** Errors that carry a code of their own but belong to no class of `documents`. Prefixes of `code`. */
const BY_CODE: readonly (readonly [prefix: string, exit: number])[] = [
  ['verification.undetermined', EXIT.notChecked],
  ['verification.simulated', EXIT.simulated],
  ['verification.', EXIT.notVerified],
  ['endorsements.', EXIT.notChecked],
  ['attest.malformed', EXIT.notVerified],
  ['attest.', EXIT.notChecked],
  ['channel.', EXIT.notVerified],
  ['pin.', EXIT.notVerified],
  ['lock.mismatch', EXIT.notVerified],
  ['source.unavailable', EXIT.notChecked],
  ['server.failed', EXIT.serverFailed],
];

/** The exit code for an error; anything that Vitrine did not raise on purpose is an internal error. */
export function exitCodeOfError(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof MalformedEvidenceError) return EXIT.notVerified;
  if (error instanceof VitrineError) {
    return BY_CODE.find(([prefix]) => error.code.startsWith(prefix))?.[1] ?? EXIT.internal;
  }
  return EXIT.internal;
}
