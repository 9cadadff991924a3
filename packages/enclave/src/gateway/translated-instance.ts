/**
 * A 2025-11-25 server process as clients of the 2026-07-28 era see it.
 *
 * **Whose question is it?** Over stdio a server's request does not say to which call it belongs. So of the
 * calls in which a server may ask (of clients that can be asked at all), a process has at most one at a
 * time, from its start until its final result, and every question is that call's. The instance pool sees to it. Without
 * such a call, and for kinds that the clients of this process have not declared, a question is refused.
 *
 * @module
 */
import type { ClientCapabilities, JSONRPCNotification, LoggingLevel, Result } from '@modelcontextprotocol/server';
import { type AskingCall, createAskingCall, withdrawnBy } from './asking-call.ts';
import type { Opened } from './handshake.ts';
import type { GatewayLimits } from './limits.ts';
import { createListenHub, type ListenHub } from './listen-hub.ts';
import { errorMessage, type Params, rpcCode } from './message.ts';
import { reaches } from './meta-keys.ts';
import { attemptOf, exchangeOf, type ModernInstance, NOT_HELD, refuseWhenFull } from './modern-instance.ts';
import {
  capabilitiesForModern,
  discoverResult,
  errorForModern,
  isRemoved,
  paramsForLegacy,
  questionRefusal,
  resultForModern,
} from './modern-translation.ts';
import type { Exchange, Reply } from './peer.ts';

/**
 * @param capabilities - What the clients of this process have declared, as the server was told.
 * @param onChange - Hears of changes that the server reports outside of any request.
 */
export function createTranslatedInstance(
  { peer, server }: Opened,
  capabilities: ClientCapabilities,
  limits: GatewayLimits,
  onChange: (change: JSONRPCNotification) => void,
): ModernInstance {
  const hub: ListenHub = createListenHub(
    capabilitiesForModern(server),
    {
      subscribe: (uri) => peer.call('resources/subscribe', { uri }),
      unsubscribe: (uri) => peer.call('resources/unsubscribe', { uri }),
    },
    limits.subscriptions,
  );
  let asking: AskingCall | undefined;

  peer.onUnsolicited((notification) => {
    if (notification.method === 'notifications/cancelled') asking?.withdraw(withdrawnBy(notification.params));
    else onChange(notification);
  });
  peer.onExit(() => hub.failAll('The hosted server ended; listen again to reach a fresh one'));
  peer.onRequest((question) => {
    const outside = { code: rpcCode.invalidRequest, message: 'No call is running that this request could belong to' };
    const refusal = questionRefusal(question, capabilities) ?? (asking === undefined ? outside : undefined);
    if (refusal === undefined) asking?.ask(question);
    else peer.process.send(errorMessage(question.id, refusal));
  });

  // The level is one for the whole process, so it only ever gets more talkative; the peer filters per request.
  let level: LoggingLevel | undefined;
  function lowerLevel(wanted: LoggingLevel | undefined): void {
    if (wanted === undefined || server.capabilities.logging === undefined) return;
    if (level !== undefined && reaches(wanted, level)) return;
    level = wanted;
    // Sent before the request that wants it; a server that refuses simply logs as it did.
    peer.call('logging/setLevel', { level: wanted }).catch(() => undefined);
  }

  function translatedReply(method: string, reply: Reply): Reply {
    return {
      notify: reply.notify,
      succeed: (result) => reply.succeed(resultForModern(method, result, server)),
      fail: (error) => reply.fail(errorForModern(method, error)),
    };
  }

  function forward(method: string, params: Params | undefined, exchange: Exchange): () => void {
    lowerLevel(exchange.logLevel);
    return peer.open(method, paramsForLegacy(params), exchange);
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
      return forward(method, params, exchangeOf(request, translatedReply(method, reply)));
    },
    serveAsking(request, reply, park, ended) {
      const { method, params } = request;
      const exchange = exchangeOf(request, reply);
      let isEnded = false;
      const onEnded = (): void => {
        isEnded = true;
        asking = undefined;
        ended();
      };
      if (refuseWhenFull(peer, limits, reply)) {
        onEnded();
        return NOT_HELD;
      }
      const host = {
        open: (own: Reply) => forward(method, params, { ...exchange, reply: translatedReply(method, own) }),
        send: peer.process.send,
        caughtUp: () => peer.call('ping', undefined),
        describe: (result: Result) => resultForModern(method, result, server),
        park: (call: AskingCall) => park(call),
        ended: onEnded,
      };
      const call = createAskingCall(host, attemptOf(request, reply), limits.gatherMs);
      // A process that had died has already answered.
      if (!isEnded) asking = call;
      return { leave: call.leave, askClient: call.askForGateway };
    },
    publish: (change) => hub.publish(change),
    endSubscriptions: () => hub.endAll(),
  };
}
