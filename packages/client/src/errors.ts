/**
 * Why the relying party's side stops, and which exit code that is.
 *
 * The classes follow the house rule: named by what the caller does next. {@link RefusedError} means
 * stop, do not send data; {@link UnreachableError} means that nothing was found out, try again later.
 *
 * @module
 */
import { MalformedEvidenceError, UsageError, VitrineError } from '@vitrine/documents';
import { EndorsementUnavailableError, type Verdict, VerificationError } from '@vitrine/verifier';

export interface RefusedOptions extends ErrorOptions {
  readonly details?: readonly string[];
}

/** The server does not keep to the attested channel, or the user's pins do not admit it. Exit code 1. */
export class RefusedError extends VitrineError {
  /** Id of the check that refuses; the same as `code`, such as `channel.tls` or `pin.missing`. */
  readonly check: string;
  /** What exactly differs, one clean line each, for people; the message stays one line for programs. */
  readonly details: readonly string[];

  constructor(check: string, message: string, options?: RefusedOptions) {
    super(check, message, options);
    this.check = check;
    this.details = options?.details ?? [];
  }
}

/** Nothing could be found out: network, time limit, busy, or a check that this version cannot make. Exit code 3. */
export class UnreachableError extends VitrineError {}

/** A refusal as it is shown to people and handed to an MCP client. */
export interface Refusal {
  /** Id of the deciding check, or the error code where no check was reached. */
  readonly check: string;
  readonly verdict: Verdict;
  readonly message: string;
  /** What exactly differs from a pin, one clean line each; empty where nothing more is known. */
  readonly details: readonly string[];
  /** 1 not verified, 2 usage, 3 could not be checked, 4 simulated where hardware is wanted. */
  readonly exitCode: 1 | 2 | 3 | 4;
}

/**
 * Describes a deliberate error; `undefined` for anything else, which is a defect or a failed request
 * and not a finding about the server.
 */
export function describeRefusal(error: unknown): Refusal | undefined {
  if (error instanceof VerificationError || error instanceof EndorsementUnavailableError) {
    const { verdict, decidedBy } = error.result;
    const exitCode = verdict === 'simulated' ? 4 : error instanceof EndorsementUnavailableError ? 3 : 1;
    const deciding = error.result.checks.find((check) => check.id === decidedBy);
    return {
      check: decidedBy ?? error.code,
      verdict,
      message: deciding?.message ?? error.message,
      details: detailsOf(error.cause),
      exitCode,
    };
  }
  if (error instanceof RefusedError || error instanceof MalformedEvidenceError) {
    return { check: error.check, verdict: 'rejected', message: error.message, details: detailsOf(error), exitCode: 1 };
  }
  if (error instanceof UnreachableError) {
    return { check: error.code, verdict: 'undetermined', message: error.message, details: [], exitCode: 3 };
  }
  if (error instanceof UsageError) {
    return { check: error.code, verdict: 'undetermined', message: error.message, details: [], exitCode: 2 };
  }
  return undefined;
}

/** Where a pin stands behind a verdict, the judge names it as the cause. */
function detailsOf(error: unknown): readonly string[] {
  return error instanceof RefusedError ? error.details : [];
}

/** Whether a failure is one of signing in: it says nothing about the attested server. */
export function isSignIn({ check }: Refusal): boolean {
  return check.startsWith('sign-in.');
}

/** Whether nothing that happens later can change it, so that no more is sent. */
export function isFinal(refusal: Refusal): boolean {
  return refusal.exitCode !== 3 && !isSignIn(refusal);
}
