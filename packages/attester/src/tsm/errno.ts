/**
 * What a failed call on a kernel file says.
 *
 * @module
 */

/** The `code` of a failed system call, such as `EBUSY`; `undefined` for any other error. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined;
}

/** An error of the form that `node:fs` gives, for what is found wrong on this side of the call. */
export function errnoError(code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}
