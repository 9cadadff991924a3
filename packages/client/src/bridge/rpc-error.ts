/**
 * How failures of the bridge reach the MCP client: JSON-RPC errors with codes of their own, outside
 * `-32768…-32000`, which belongs to JSON-RPC and MCP.
 *
 * @module
 */
import { ConnectionBrokenError } from '../channel/exchange.ts';
import { cleanText } from '../clean-text.ts';
import { describeRefusal, isSignIn, type Refusal } from '../errors.ts';
import { SessionLostError } from './session.ts';

/** The server was not verified, or could not be: nothing was sent. `data` is `{ check, verdict }`. */
export const REFUSED_CODE = 49101;
/** The server is the right one, but the user is not signed in to it. `data` is `{ check }`. */
export const SIGN_IN_CODE = 49104;
/** No answer came back. Whether the request may have been carried out is in `data`. */
export const NO_ANSWER_CODE = 49102;

export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** The error of a refusal, which names the check that decided. */
export function refusalError(refusal: Refusal): RpcError {
  const { check, verdict, message } = refusal;
  // Whole: it may hold the address that a person has to open.
  if (isSignIn(refusal)) return { code: SIGN_IN_CODE, message: cleanText(message, 8_000), data: { check } };
  return {
    code: REFUSED_CODE,
    message: `Vitrine refused the server: ${check}: ${cleanText(message, 600)}`,
    data: { check, verdict },
  };
}

/** The error for one request that failed on its way. */
export function failureError(error: unknown): RpcError {
  const refusal = describeRefusal(error);
  if (refusal !== undefined) return refusalError(refusal);
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const unsent = error instanceof ConnectionBrokenError && error.progress === 'unsent';
  const mayHaveRun = !unsent && !(error instanceof SessionLostError);
  return noAnswer(cause instanceof Error ? cause.message : String(cause), mayHaveRun);
}

/**
 * The error for a request that was not answered, and why. `data` is `{ mayHaveRun }`: whether the
 * server may have carried it out, so that repeating it could do something twice.
 */
export function noAnswer(why: string, mayHaveRun = true): RpcError {
  const ran = mayHaveRun ? 'it may have been carried out' : 'it was not carried out';
  return {
    code: NO_ANSWER_CODE,
    message: `no answer from the server: ${cleanText(why)}; ${ran}`,
    data: { mayHaveRun },
  };
}
