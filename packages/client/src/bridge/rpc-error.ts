/**
 * How failures of the bridge reach the MCP client: JSON-RPC errors with codes of their own, outside
 * `-32768…-32000`, which belongs to JSON-RPC and MCP.
 *
 * @module
 */
import { cleanText } from '../clean-text.ts';
import { describeRefusal, type Refusal } from '../errors.ts';

/** The server was not verified, or could not be: nothing was sent. `data` is `{ check, verdict }`. */
export const REFUSED_CODE = 49101;
/** The request went out, or may have, and no answer came back. */
export const NO_ANSWER_CODE = 49102;

export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** The error of a refusal, which names the check that decided. */
export function refusalError({ check, verdict, message }: Refusal): RpcError {
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
  return noAnswer(cause instanceof Error ? cause.message : String(cause));
}

/** The error for a request that was not answered, and why. */
export function noAnswer(why: string): RpcError {
  return { code: NO_ANSWER_CODE, message: `no answer from the server: ${cleanText(why)}` };
}
