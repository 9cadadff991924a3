/**
 * Which refusal a request met, for tests.
 *
 * @module
 */
import { RefusedRequestError } from '../../intent.ts';

/** The code of the refusal, or `accepted`. Any other error is thrown on. */
export function refusalOf(request: () => unknown): string {
  try {
    request();
    return 'accepted';
  } catch (error) {
    if (error instanceof RefusedRequestError) return error.code;
    throw error;
  }
}
