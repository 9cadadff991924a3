/**
 * One HTTP request of the 2026-07-28 era: checked, given to an instance, and answered with one JSON
 * object, or with an event stream as soon as something comes before the result.
 *
 * A client that closes its connection has cancelled; nothing else in this era can cancel, because
 * request ids of different clients collide.
 *
 * Specification: MCP 2026-07-28, Streamable HTTP.
 *
 * @module
 */
import {
  type InboundModernRoute,
  type JSONRPCNotification,
  type JSONRPCRequest,
  PerRequestHTTPServerTransport,
} from '@modelcontextprotocol/server';
import { errorAnswer, failureAnswer } from './http-answer.ts';
import type { GatewayLimits } from './limits.ts';
import { errorMessage, notificationMessage, rpcCode } from './message.ts';
import { modernRevision } from './meta-keys.ts';
import type { Caller, ModernCalls } from './modern-calls.ts';
import { checkStandardHeaders } from './modern-headers.ts';
import type { Reply } from './peer.ts';

/** MCP 2026-07-28, UnsupportedProtocolVersion. */
const UNSUPPORTED_VERSION = -32022;

/** Errors that the specification gives an HTTP status of their own; all others travel in a 200. */
const STATUS_OF_ERROR: ReadonlyMap<number, number> = new Map([
  [rpcCode.methodNotFound, 404],
  [-32020, 400],
  [-32021, 400],
  [UNSUPPORTED_VERSION, 400],
]);

/** Notifications that belong to one connection; here they would reach a server that others use too. */
const CONNECTION_NOTIFICATIONS: readonly string[] = [
  'notifications/cancelled',
  'notifications/initialized',
  'notifications/progress',
  'notifications/roots/list_changed',
];

export interface ModernEndpoint {
  handle(route: InboundModernRoute, request: Request, caller: Caller): Promise<Response>;
}

/** @param onFailure - Hears why a request got no server; the client is told less. */
export function createModernEndpoint(
  calls: ModernCalls,
  limits: GatewayLimits,
  onFailure: (failure: unknown) => void,
): ModernEndpoint {
  async function notify(message: JSONRPCNotification, request: Request, caller: Caller): Promise<Response> {
    if (!CONNECTION_NOTIFICATIONS.includes(message.method)) await calls.notify(message, caller, request.signal);
    return new Response(null, { status: 202 });
  }

  async function serve(
    route: InboundModernRoute,
    message: JSONRPCRequest,
    request: Request,
    caller: Caller,
  ): Promise<Response> {
    const refusal = checkStandardHeaders(request.headers, message);
    if (refusal !== undefined) return errorAnswer(400, refusal, message.id);
    const prepared = await calls.prepare(message, caller, request.signal);
    const transport = new PerRequestHTTPServerTransport({
      classification: route.classification,
      keepAliveMs: limits.keepAliveMs,
    });
    let leave: (() => void) | undefined;
    let answered = false;
    let hasBegun = false;
    let errorCode: number | undefined;
    const reply: Reply = {
      notify(method, params) {
        void transport.send(notificationMessage(method, params), { relatedRequestId: message.id });
      },
      succeed(result) {
        answered = true;
        void transport.send({ jsonrpc: '2.0', id: message.id, result });
      },
      fail(error) {
        answered = true;
        errorCode = error.code;
        void transport.send(errorMessage(message.id, error));
      },
    };
    transport.onmessage = () => {
      hasBegun = true;
      leave = prepared.begin(reply);
    };
    transport.onclose = () => {
      if (!answered) leave?.();
    };
    await transport.start();
    let response: Response;
    try {
      response = await transport.handleMessage(message, { request });
    } catch (failure) {
      // Nobody is left to read this; the status is the customary one for a client that closed the request.
      if (request.signal.aborted) return new Response(null, { status: 499 });
      throw failure;
    } finally {
      // Such as for its Accept header.
      if (!hasBegun) prepared.abandon();
    }
    const status = errorCode === undefined ? undefined : STATUS_OF_ERROR.get(errorCode);
    const isPlain = response.status === 200 && response.headers.get('content-type') === 'application/json';
    if (status === undefined || !isPlain) return response;
    return new Response(response.body, { status, headers: response.headers });
  }

  return {
    async handle(route, request, caller) {
      const id = route.messageKind === 'request' ? route.message.id : null;
      if (route.classification.revision !== modernRevision) {
        const requested = route.classification.revision ?? 'none';
        const message = `Unsupported protocol version: ${requested}`;
        const data = { supported: [modernRevision], requested };
        return errorAnswer(400, { code: UNSUPPORTED_VERSION, message, data }, id);
      }
      try {
        return route.messageKind === 'request'
          ? await serve(route, route.message, request, caller)
          : await notify(route.message, request, caller);
      } catch (failure) {
        onFailure(failure);
        return failureAnswer(failure, id);
      }
    },
  };
}
