/**
 * The 2025-11-25 side of a session with a server of the 2026-07-28 era alone: answers `ping`,
 * `logging/setLevel` and subscriptions by itself, gives every request the new era's envelope, and turns
 * input-required results into requests to the client.
 *
 * Specification: MCP 2025-11-25 towards the client, 2026-07-28 towards the server.
 *
 * @module
 */
import type {
  JSONRPCMessage,
  JSONRPCRequest,
  LoggingLevel,
  RequestId,
  ServerCapabilities,
} from '@modelcontextprotocol/server';
import { runInputRounds } from './input-rounds.ts';
import { createLegacyListen } from './legacy-listen.ts';
import { errorForLegacy, type LegacyClient, paramsForModern, resultForLegacy } from './legacy-translation.ts';
import type { GatewayLimits } from './limits.ts';
import {
  errorMessage,
  isRequest,
  isResponse,
  notificationMessage,
  type RpcError,
  requestMessage,
  rpcCode,
} from './message.ts';
import { isLoggingLevel } from './meta-keys.ts';
import { exchangeOf } from './modern-instance.ts';
import type { Peer, Reply } from './peer.ts';

/** Takes what the client sends. */
export type Translator = (message: JSONRPCMessage) => void;

/** Notifications that the new era does not have; what they would say goes with every request, or nobody asks. */
const SWALLOWED: readonly string[] = ['notifications/roots/list_changed', 'notifications/progress'];

/** @param toClient - Gets what the client is to hear, with its request that it belongs to. */
export function createTranslator(
  peer: Peer,
  client: LegacyClient,
  capabilities: ServerCapabilities,
  limits: GatewayLimits,
  toClient: (message: JSONRPCMessage, relatedTo?: RequestId) => void,
): Translator {
  /** Cancels the client's running requests, by their ids. */
  const running = new Map<RequestId, () => void>();
  const questions = new Map<RequestId, Pick<Reply, 'succeed' | 'fail'>>();
  let level: LoggingLevel | undefined;
  let lastQuestion = 0;

  const listen = createLegacyListen(
    peer,
    capabilities,
    (params) => paramsForModern(params, client, undefined),
    (change) => toClient(change),
  );

  function replyTo({ id, method, params }: JSONRPCRequest): Reply {
    return {
      notify: (name, its) => toClient(notificationMessage(name, its), id),
      succeed(result) {
        running.delete(id);
        toClient({ jsonrpc: '2.0', id, result: resultForLegacy(result) });
      },
      fail(error) {
        running.delete(id);
        toClient(errorMessage(id, errorForLegacy(method, params, error)));
      },
    };
  }

  function forward(request: JSONRPCRequest): void {
    const { id, method } = request;
    const reply = replyTo(request);
    if (peer.running() >= limits.runningRequests) {
      reply.fail({
        code: rpcCode.internalError,
        message: `The hosted server already works on ${limits.runningRequests} requests; try again later`,
      });
      return;
    }
    // It may be answered before it can be cancelled.
    running.set(id, () => undefined);
    const cancel = runInputRounds(request, reply, limits.inputRounds, {
      capabilities: client.capabilities,
      ask(question, answer) {
        lastQuestion += 1;
        questions.set(lastQuestion, answer);
        toClient(requestMessage(lastQuestion, question.method, question.params), id);
        return lastQuestion;
      },
      withdraw(question) {
        questions.delete(question);
        toClient(
          notificationMessage('notifications/cancelled', { requestId: question, reason: 'no longer needed' }),
          id,
        );
      },
      open(params, inner) {
        const sent = requestMessage(id, method, paramsForModern(params, client, level));
        return peer.open(method, sent.params, exchangeOf(sent, inner));
      },
    });
    if (running.has(id)) running.set(id, cancel);
  }

  function setLevel(reply: Reply, wanted: unknown): void {
    if (capabilities.logging === undefined) reply.fail(notFound('logging/setLevel'));
    else if (!isLoggingLevel(wanted))
      reply.fail({ code: rpcCode.invalidParams, message: 'params.level must be a logging level' });
    else {
      level = wanted;
      reply.succeed({});
    }
  }

  async function subscribe(reply: Reply, uri: unknown, isWanted: boolean): Promise<void> {
    if (typeof uri !== 'string') {
      reply.fail({ code: rpcCode.invalidParams, message: 'params.uri must be a string' });
      return;
    }
    const refusal = isWanted ? await listen.subscribe(uri) : await listen.unsubscribe(uri);
    if (refusal === undefined) reply.succeed({});
    else reply.fail(refusal);
  }

  function onRequest(request: JSONRPCRequest): void {
    const { method, params } = request;
    if (method === 'ping') replyTo(request).succeed({});
    else if (method === 'initialize') {
      replyTo(request).fail({ code: rpcCode.invalidRequest, message: 'The session is already initialized' });
    } else if (method === 'logging/setLevel') setLevel(replyTo(request), params?.['level']);
    else if (method === 'resources/subscribe') void subscribe(replyTo(request), params?.['uri'], true);
    else if (method === 'resources/unsubscribe') void subscribe(replyTo(request), params?.['uri'], false);
    // Methods that the old era does not have, or has with another meaning.
    else if (method.startsWith('tasks/') || method === 'subscriptions/listen' || method === 'server/discover') {
      replyTo(request).fail(notFound(method));
    } else forward(request);
  }

  return (message) => {
    if (isRequest(message)) onRequest(message);
    else if (isResponse(message)) {
      if (message.id === undefined) return;
      const answer = questions.get(message.id);
      questions.delete(message.id);
      if ('error' in message) answer?.fail(message.error);
      else answer?.succeed(message.result);
    } else if (message.method === 'notifications/initialized') listen.begin();
    else if (message.method === 'notifications/cancelled') {
      const id = message.params?.['requestId'];
      if (typeof id !== 'string' && typeof id !== 'number') return;
      running.get(id)?.();
      running.delete(id);
    } else if (!SWALLOWED.includes(message.method)) peer.notify(message.method, message.params);
  };
}

function notFound(method: string): RpcError {
  return { code: rpcCode.methodNotFound, message: `Method not found: ${method}` };
}
