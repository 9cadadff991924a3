/**
 * The verifier's internal way to say no: a reason that becomes a failed check.
 *
 * Code that reads or authenticates one input throws {@link RefusalError} where it stops; the step
 * that owns the check turns it into a `failed` entry with {@link attempt}. It never leaves the
 * package, and every other error passes through {@link attempt}: that is a defect, not a verdict.
 *
 * @module
 */

/** What was wanted and what was found, as people read it. */
export interface Difference {
  readonly expected?: string;
  readonly actual?: string;
}

/** One input is not acceptable. `message` is one sentence without a full stop. */
export class RefusalError extends Error {
  readonly difference: Difference;

  constructor(message: string, difference: Difference = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RefusalError';
    this.difference = difference;
  }
}

/** Stops with a reason. */
export function refuse(message: string, difference: Difference = {}): never {
  throw new RefusalError(message, difference);
}

export type Attempt<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: RefusalError };

/** Runs `work` and returns its value or its refusal. */
export async function attempt<T>(work: () => T | Promise<T>): Promise<Attempt<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    if (error instanceof RefusalError) return { ok: false, refusal: error };
    throw error;
  }
}
