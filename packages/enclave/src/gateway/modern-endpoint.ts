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
import type {
  InboundModernRoute,
  JSONRPCMessage,
  JSONRPCNotification,
  JSONRPCRequest,
} from '@modelcontextprotocol/server';
import type { Answer, EndpointRequest } from './endpoint.ts';
import { createEventAnswer, type EventAnswer } from './event-answer.ts';
import { errorAnswer, failureAnswer, messageAnswer } from './http-answer.ts';
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

/** Nobody is left to read this; the status is the customary one for a client that closed the request. */
const NOBODY: Answer = { status: 499, headers: {} };

export interface ModernEndpoint {
  handle(route: InboundModernRoute, request: EndpointRequest, caller: Caller): Promise<Answer>;
}

/** @param onFailure - Hears why a request got no server; the client is told less. */
export function createModernEndpoint(
  calls: ModernCalls,
  limits: GatewayLimits,
  onFailure: (failure: unknown) => void,
): ModernEndpoint {
  async function notify(message: JSONRPCNotification, request: EndpointRequest, caller: Caller): Promise<Answer> {
    if (!CONNECTION_NOTIFICATIONS.includes(message.method)) await calls.notify(message, caller, request.departure);
    return { status: 202, headers: {} };
  }

  async function serve(message: JSONRPCRequest, request: EndpointRequest, caller: Caller): Promise<Answer> {
    const { departure } = request;
    const refusal = checkStandardHeaders(request.headers, message);
    if (refusal !== undefined) return errorAnswer(400, refusal, message.id);
    const prepared = await calls.prepare(message, caller, departure);
    if (departure.hasLeft()) {
      prepared.abandon();
      return NOBODY;
    }
    const { promise, resolve } = Promise.withResolvers<Answer>();
    let stream: EventAnswer | undefined;
    let isOver = false;
    let leave: (() => void) | undefined;
    const forget = departure.onLeave(() => {
      if (isOver) return;
      isOver = true;
      leave?.();
      stream?.end();
      resolve(NOBODY);
    });
    function end(status: number, last: JSONRPCMessage): void {
      if (isOver) return;
      isOver = true;
      forget();
      if (stream === undefined) resolve(messageAnswer(status, last));
      else stream.end(last);
    }
    const reply: Reply = {
      notify(method, params) {
        if (isOver) return;
        if (stream === undefined) {
          stream = createEventAnswer(limits.keepAliveMs);
          resolve(stream.answer);
        }
        stream.send(notificationMessage(method, params));
      },
      succeed: (result) => end(200, { jsonrpc: '2.0', id: message.id, result }),
      fail: (error) => end(STATUS_OF_ERROR.get(error.code) ?? 200, errorMessage(message.id, error)),
    };
    leave = prepared.begin(reply);
    return promise;
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
          ? await serve(route.message, request, caller)
          : await notify(route.message, request, caller);
      } catch (failure) {
        onFailure(failure);
        return failureAnswer(failure, id);
      }
    },
  };
}
