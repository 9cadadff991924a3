/**
 * How a request of a server fails: a JSON-RPC code, a sentence, and a stable text code beside it.
 *
 * @module
 */
import { UsageError, VitrineError } from '@vitrine/documents';
import { RefusedRequestError } from '../intent.ts';
import { KEY_ERROR } from '../wire.ts';

/** Codes of JSON-RPC 2.0 itself. */
export const JSON_RPC = { parse: -32700, request: -32600, method: -32601, params: -32602 } as const;

/** Members of `error.data` beside the code. */
export interface ErrorDetails {
  /** The rule or limit that decided. */
  readonly rule?: string;
  /** The document that approvers have to sign. */
  readonly approval?: string;
}

/** A failure as the server is told of it. */
export class RequestError extends VitrineError {
  override readonly name: string = 'RequestError';
  readonly rpcCode: number;
  readonly details: ErrorDetails;

  constructor(rpcCode: number, code: string, message: string, details: ErrorDetails = {}) {
    super(code, message);
    this.rpcCode = rpcCode;
    this.details = details;
  }
}

/** The policy, a limit or the user said no. */
export function denied(code: string, message: string, rule?: string): RequestError {
  return new RequestError(KEY_ERROR.denied, code, message, rule === undefined ? {} : { rule });
}

export function malformedParameters(message: string): RequestError {
  return new RequestError(JSON_RPC.params, 'keys.parameters', message);
}

/** The `error` member of an answer. What is not an error of ours is not described: its text could hold anything. */
export function errorMember(error: unknown): object {
  if (error instanceof RequestError) {
    const { rpcCode, message, code, details } = error;
    return { code: rpcCode, message, data: { code, ...details } };
  }
  if (error instanceof VitrineError) {
    return { code: rpcCodeOf(error), message: error.message, data: { code: error.code } };
  }
  return {
    code: KEY_ERROR.unavailable,
    message: 'the key service could not do that now; nothing was signed',
    data: { code: 'keys.internal' },
  };
}

function rpcCodeOf(error: VitrineError): number {
  if (error instanceof RefusedRequestError) return KEY_ERROR.refused;
  return error instanceof UsageError ? JSON_RPC.params : KEY_ERROR.unavailable;
}
