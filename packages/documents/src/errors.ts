/**
 * Errors, named by what the caller does next. Every error that Vitrine raises on purpose is a
 * {@link VitrineError} with a stable `code`; anything else is a defect in Vitrine.
 *
 * @module
 */

/** Base of all deliberate errors. `code` is stable and safe to match on; `message` is for people. */
export class VitrineError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** The caller or user has to change something: arguments, configuration, policy, pins. Exit code 2. */
export class UsageError extends VitrineError {}

/** What was presented as evidence or endorsement cannot be read as such. Stop: it is not evidence. Exit code 1. */
export class MalformedEvidenceError extends VitrineError {
  /** Id of the check that refuses it, such as `tdx.format`. */
  readonly check: string;

  constructor(check: string, message: string, options?: ErrorOptions) {
    super('evidence.malformed', message, options);
    this.check = check;
  }
}
