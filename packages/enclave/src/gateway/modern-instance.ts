/**
 * A server process as clients of the 2026-07-28 era see it, whichever era the server itself speaks:
 * a modern server is relayed, a legacy one translated.
 *
 * What needs requests from server to client (roots, sampling, elicitation) is not offered to a legacy
 * server here.
 *
 * @module
 */
import {
  type JSONRPCRequest,
  type LoggingLevel,
  type RequestId,
  SUBSCRIPTION_ID_META_KEY,
} from '@modelcontextprotocol/server';
import type { Opened } from './handshake.ts';
import type { Started } from './launcher.ts';
import type { GatewayLimits } from './limits.ts';
import { createListenHub, type ListenHub } from './listen-hub.ts';
import { type Params, rpcCode } from './message.ts';
import { logLevelOf, metaOf, reaches } from './meta-keys.ts';
import {
  capabilitiesForModern,
  discoverResult,
  errorForModern,
  isRemoved,
  paramsForLegacy,
  resultForModern,
} from './modern-translation.ts';
import type { Exchange, Peer, Reply } from './peer.ts';

export interface ModernInstance {
  readonly peer: Peer;
  /** Whether somebody waits for an answer or listens. */
  isBusy(): boolean;
  /** Serves one request; the returned function is for a client that has left before the answer. */
  serve(request: JSONRPCRequest, reply: Reply): () => void;
  /** Ends every `subscriptions/listen` stream as the specification wants it. */
  endSubscriptions(): void;
}

export function createModernInstance(started: Started, limits: GatewayLimits): ModernInstance {
  return started.era === 'modern' ? relayed(started.peer, limits) : translated(started, limits);
}

function exchangeOf(request: JSONRPCRequest, reply: Reply): Exchange {
  const progressToken = metaOf(request.params)['progressToken'];
  const logLevel = logLevelOf(request.params);
  return {
    reply,
    clientId: request.id,
    ...(typeof progressToken === 'string' || typeof progressToken === 'number' ? { progressToken } : {}),
    ...(logLevel === undefined ? {} : { logLevel }),
  };
}

function refuseWhenFull(peer: Peer, limits: GatewayLimits, reply: Reply): boolean {
  if (peer.running() < limits.runningRequests) return false;
  const message = `The hosted server already works on ${limits.runningRequests} requests; try again later`;
  reply.fail({ code: rpcCode.internalError, message });
  return true;
}

interface Listening {
  readonly id: RequestId;
  readonly cancel: () => void;
}

function relayed(peer: Peer, limits: GatewayLimits): ModernInstance {
  const listening = new Map<Reply, Listening>();

  return {
    peer,
    isBusy: () => peer.running() > 0,
    serve(request, reply) {
      if (refuseWhenFull(peer, limits, reply)) return () => undefined;
      const cancel = peer.open(request.method, request.params, exchangeOf(request, withoutTrace(listening, reply)));
      if (request.method === 'subscriptions/listen') listening.set(reply, { id: request.id, cancel });
      return () => {
        listening.delete(reply);
        cancel();
      };
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

function translated({ peer, server }: Opened, limits: GatewayLimits): ModernInstance {
  const hub: ListenHub = createListenHub(
    capabilitiesForModern(server),
    {
      subscribe: (uri) => peer.call('resources/subscribe', { uri }),
      unsubscribe: (uri) => peer.call('resources/unsubscribe', { uri }),
    },
    limits.subscriptions,
  );
  peer.onUnsolicited((notification) => hub.publish(notification));
  peer.onExit(() => hub.failAll('The hosted server ended; listen again to reach a fresh one'));

  // The level is one for the whole process, so it only ever gets more talkative; the peer filters per request.
  let level: LoggingLevel | undefined;
  function lowerLevel(wanted: LoggingLevel | undefined): void {
    if (wanted === undefined || server.capabilities.logging === undefined) return;
    if (level !== undefined && reaches(wanted, level)) return;
    level = wanted;
    // Sent before the request that wants it; a server that refuses simply logs as it did.
    peer.call('logging/setLevel', { level: wanted }).catch(() => undefined);
  }

  function forward(method: string, params: Params | undefined, exchange: Exchange): () => void {
    lowerLevel(exchange.logLevel);
    return peer.open(method, paramsForLegacy(params), {
      ...exchange,
      reply: {
        notify: exchange.reply.notify,
        succeed: (result) => exchange.reply.succeed(resultForModern(method, result, server)),
        fail: (error) => exchange.reply.fail(errorForModern(method, error)),
      },
    });
  }

  return {
    peer,
    isBusy: () => peer.running() > 0 || hub.size() > 0,
    serve(request, reply) {
      const { method, params } = request;
      if (method === 'server/discover') {
        reply.succeed(discoverResult(server));
        return () => undefined;
      }
      if (isRemoved(method)) {
        reply.fail({ code: rpcCode.methodNotFound, message: `Method not found: ${method}` });
        return () => undefined;
      }
      if (method === 'subscriptions/listen') return hub.open(request, reply);
      if (refuseWhenFull(peer, limits, reply)) return () => undefined;
      return forward(method, params, exchangeOf(request, reply));
    },
    endSubscriptions: () => hub.endAll(),
  };
}
