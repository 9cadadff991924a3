/**
 * Answers that are one JSON object, and those that the gateway gives by itself.
 *
 * @module
 */
import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/server';
import type { Answer } from './endpoint.ts';
import { GatewayBusyError, ServerFailedError } from './failure.ts';
import { type RpcError, rpcCode } from './message.ts';

const JSON_CONTENT = 'application/json';

/** One message as the whole answer. */
export function messageAnswer(status: number, message: JSONRPCMessage): Answer {
  return { status, headers: { 'Content-Type': JSON_CONTENT }, body: JSON.stringify(message) };
}

/** A JSON-RPC error with an HTTP status; `id` is `null` when the request's own is not known. */
export function errorAnswer(
  status: number,
  error: RpcError,
  id: RequestId | null = null,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const body = JSON.stringify({ jsonrpc: '2.0', id, error });
  return { status, headers: { 'Content-Type': JSON_CONTENT, ...headers }, body };
}

// A place is usually freed by a request that ends or a session that is closed, not by waiting long.
const RETRY_AFTER_SECONDS = 5;

/** What a client is told when its request could not be given to a server. Never contains the server's own output. */
export function failureAnswer(failure: unknown, id: RequestId | null): Answer {
  if (failure instanceof GatewayBusyError) {
    const error = { code: rpcCode.internalError, message: `Busy: ${failure.message}` };
    return errorAnswer(503, error, id, { 'Retry-After': String(failure.retryAfterSeconds ?? RETRY_AFTER_SECONDS) });
  }
  const message =
    failure instanceof ServerFailedError
      ? 'The hosted server did not start; its operator finds the reason in the log'
      : 'Internal error of the gateway';
  return errorAnswer(500, { code: rpcCode.internalError, message }, id);
}
