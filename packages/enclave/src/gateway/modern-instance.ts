/**
 * A server process as clients of the 2026-07-28 era see it, whichever era the server itself speaks. Here:
 * the common face, and a server of that era, which is relayed. One of 2025-11-25 is translated, see
 * `translated-instance.ts`.
 *
 * @module
 */
import {
  type JSONRPCNotification,
  type JSONRPCRequest,
  type RequestId,
  SUBSCRIPTION_ID_META_KEY,
} from '@modelcontextprotocol/server';
import { type AskingCall, type Attempt, createAskingCall } from './asking-call.ts';
import type { GatewayLimits } from './limits.ts';
import { rpcCode } from './message.ts';
import { logLevelOf, metaOf } from './meta-keys.ts';
import type { Exchange, Peer, Reply } from './peer.ts';
import type { AskClient } from './running-calls.ts';

/** Where a call goes that has to wait for its client's answers; gives its `requestState`. */
type Park = (call: AskingCall) => string;

/** A request that is being served, and in whose course its client can be asked. */
export interface Held {
  /** For a client that has left before the answer. */
  readonly leave: () => void;
  readonly askClient: AskClient;
}

export interface ModernInstance {
  readonly peer: Peer;
  /** Whether somebody waits for an answer or listens. */
  isBusy(): boolean;
  /** Serves one request; the returned function is for a client that has left before the answer. */
  serve(request: JSONRPCRequest, reply: Reply): () => void;
  /**
   * Serves one request in which the server may ask the client; at most one at a time. Absent where the
   * server asks through its results.
   *
   * @param ended - Called once, when the server works on it no longer. That may be long after the first answer.
   */
  serveAsking?(request: JSONRPCRequest, reply: Reply, park: Park, ended: () => void): Held;
  /**
   * Serves one request in whose course the gateway, but not the server, may ask the client this way. Any
   * number at a time; otherwise like {@link ModernInstance.serveAsking}, which is there where this is not.
   */
  serveHolding?(request: JSONRPCRequest, reply: Reply, park: Park, ended: () => void): Held;
  /** Brings a change to the listening clients of this process that another process of the same clients reported. */
  publish?(change: JSONRPCNotification): void;
  /** Ends every `subscriptions/listen` stream as the specification wants it. */
  endSubscriptions(): void;
}

/** What a server needs to know of a client's request, under the client's own names. */
export function exchangeOf(request: JSONRPCRequest, reply: Reply): Exchange {
  const progressToken = metaOf(request.params)['progressToken'];
  const logLevel = logLevelOf(request.params);
  return {
    reply,
    clientId: request.id,
    ...(typeof progressToken === 'string' || typeof progressToken === 'number' ? { progressToken } : {}),
    ...(logLevel === undefined ? {} : { logLevel }),
  };
}

/** Whether the request was refused because the server has too many. */
export function refuseWhenFull(peer: Peer, limits: GatewayLimits, reply: Reply): boolean {
  if (peer.running() < limits.runningRequests) return false;
  const message = `The hosted server already works on ${limits.runningRequests} requests; try again later`;
  reply.fail({ code: rpcCode.internalError, message });
  return true;
}

/** Of a request that was answered at once. */
export const NOT_HELD: Held = {
  leave: () => undefined,
  askClient: (_question, answer) => {
    answer(undefined);
    return () => undefined;
  },
};

/** What a request of a client gives to its call, at first or when it is tried again. */
export function attemptOf(request: JSONRPCRequest, reply: Reply): Attempt {
  const { progressToken } = exchangeOf(request, reply);
  return { reply, ...(progressToken === undefined ? {} : { progressToken }) };
}

interface Listening {
  readonly id: RequestId;
  readonly cancel: () => void;
}

/** A server of the 2026-07-28 era. */
export function createRelayedInstance(peer: Peer, limits: GatewayLimits): ModernInstance {
  const listening = new Map<Reply, Listening>();

  function serve(request: JSONRPCRequest, reply: Reply): () => void {
    if (refuseWhenFull(peer, limits, reply)) return () => undefined;
    const cancel = peer.open(request.method, request.params, exchangeOf(request, withoutTrace(listening, reply)));
    if (request.method === 'subscriptions/listen') listening.set(reply, { id: request.id, cancel });
    return () => {
      listening.delete(reply);
      cancel();
    };
  }

  return {
    peer,
    isBusy: () => peer.running() > 0,
    serve,
    serveHolding(request, reply, park, ended) {
      if (refuseWhenFull(peer, limits, reply)) {
        ended();
        return NOT_HELD;
      }
      const exchange = exchangeOf(request, reply);
      const call = createAskingCall(
        {
          open: (own) => peer.open(request.method, request.params, { ...exchange, reply: own }),
          // It asks through its results, and those pass unchanged.
          send: () => undefined,
          caughtUp: () => Promise.resolve(),
          describe: (result) => result,
          park,
          ended,
        },
        attemptOf(request, reply),
        limits.gatherMs,
      );
      return { leave: call.leave, askClient: call.askForGateway };
    },
    endSubscriptions() {
      for (const [reply, { id, cancel }] of listening) {
        cancel();
        reply.succeed({ resultType: 'complete', _meta: { [SUBSCRIPTION_ID_META_KEY]: id } });
      }
      listening.clear();
    },
  };
}

/** `reply`, forgotten by `listening` once it is answered. */
function withoutTrace(listening: Map<Reply, Listening>, reply: Reply): Reply {
  return {
    notify: reply.notify,
    succeed(result) {
      listening.delete(reply);
      reply.succeed(result);
    },
    fail(error) {
      listening.delete(reply);
      reply.fail(error);
    },
  };
}
