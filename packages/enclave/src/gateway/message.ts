/**
 * JSON-RPC 2.0 messages as the gateway handles them: recognised by shape, otherwise untouched.
 *
 * The SDK's validating schemas copy every message; a relay needs to know only which of the four kinds
 * it holds. What a message means is checked by the two ends, not here.
 *
 * @module
 */
import type {
  JSONRPCErrorResponse,
  JSONRPCMessage,
  JSONRPCNotification,
  JSONRPCRequest,
  JSONRPCResultResponse,
  RequestId,
} from '@modelcontextprotocol/server';
import { nestsTooDeep } from './nesting.ts';

/** `error` member of a JSON-RPC error response. */
export type RpcError = JSONRPCErrorResponse['error'];

/** `params` member of a request or notification. */
export type Params = NonNullable<JSONRPCRequest['params']>;

/** JSON-RPC 2.0 section 5.1: the error codes that the gateway itself gives. */
export const rpcCode = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
} as const;

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isId(value: unknown): value is RequestId {
  return typeof value === 'string' || typeof value === 'number';
}

const REQUEST_MEMBERS: readonly string[] = ['jsonrpc', 'id', 'method', 'params'];

/** Whether `value` is a request beyond doubt: with nothing but what one has, all of it well-formed. */
export function isPlainRequest(value: unknown): value is JSONRPCRequest {
  if (!isObject(value) || value['jsonrpc'] !== '2.0' || typeof value['method'] !== 'string') return false;
  const { id, params } = value;
  if (typeof id !== 'string' && !Number.isSafeInteger(id)) return false;
  for (const name of Object.keys(value)) if (!REQUEST_MEMBERS.includes(name)) return false;
  if (params === undefined) return true;
  if (!isObject(params)) return false;
  const meta = params['_meta'];
  if (meta === undefined) return true;
  if (!isObject(meta)) return false;
  const token = meta['progressToken'];
  return token === undefined || typeof token === 'string' || Number.isSafeInteger(token);
}

function isMessage(value: unknown): value is JSONRPCMessage {
  if (!isObject(value) || value['jsonrpc'] !== '2.0') return false;
  if (typeof value['method'] === 'string') {
    // Request and answer at once: two programs could disagree about which.
    if ('result' in value || 'error' in value) return false;
    return (
      (value['id'] === undefined || isId(value['id'])) && (value['params'] === undefined || isObject(value['params']))
    );
  }
  if (isObject(value['result'])) return isId(value['id']);
  const error = value['error'];
  return isObject(error) && typeof error['code'] === 'number' && typeof error['message'] === 'string';
}

/**
 * The messages on one line of a server's output: one, or several as a 2025-03-26 batch; `undefined` if it is
 * none, or nests so deep that nothing could handle it.
 */
export function parseLine(line: string): readonly JSONRPCMessage[] | undefined {
  if (nestsTooDeep(line)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const messages: readonly unknown[] = Array.isArray(value) ? value : [value];
  return messages.length > 0 && messages.every(isMessage) ? messages : undefined;
}

export function isRequest(message: JSONRPCMessage): message is JSONRPCRequest {
  return 'method' in message && 'id' in message;
}

export function isNotification(message: JSONRPCMessage): message is JSONRPCNotification {
  return 'method' in message && !('id' in message);
}

export function isResponse(message: JSONRPCMessage): message is JSONRPCResultResponse | JSONRPCErrorResponse {
  return !('method' in message);
}

/** A request; `params` is left out when there are none. */
export function requestMessage(id: RequestId, method: string, params: Params | undefined): JSONRPCRequest {
  return params === undefined ? { jsonrpc: '2.0', id, method } : { jsonrpc: '2.0', id, method, params };
}

/** A notification; `params` is left out when there are none. */
export function notificationMessage(method: string, params: Params | undefined): JSONRPCNotification {
  return params === undefined ? { jsonrpc: '2.0', method } : { jsonrpc: '2.0', method, params };
}

export function errorMessage(id: RequestId, error: RpcError): JSONRPCErrorResponse {
  return { jsonrpc: '2.0', id, error };
}

/** The id of a request body that could not be served, so that its error can be matched; `null` if it has none. */
export function idOf(body: unknown): RequestId | null {
  return isObject(body) && typeof body['method'] === 'string' && isId(body['id']) ? body['id'] : null;
}
