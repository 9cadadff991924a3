/**
 * One session of the 2025-11-25 era: its HTTP side joined to a server process of its own. Messages pass unchanged in both directions, so whatever the two ends agree on works,
 * including requests from server to client.
 *
 * Stdio is one stream and HTTP is many, so for what the server sends the stream has to be chosen:
 * answers and progress go with their request; changes of lists and resources go to the standing stream;
 * the rest (log records, requests to the client) goes with the newest request that somebody still
 * reads, else to the standing stream, which may open a little later.
 *
 * The gateway's own questions to the client go the same way. Their ids tell them apart, so that answers to
 * them never reach the server.
 *
 * Specification: MCP 2025-11-25, Streamable HTTP, "Sending Messages to the Server" and "Listening for Messages".
 *
 * @module
 */
import { randomUUID } from 'node:crypto';
import type {
  ClientCapabilities,
  JSONRPCMessage,
  JSONRPCRequest,
  ProgressToken,
  RequestId,
} from '@modelcontextprotocol/server';
import type { Answer, Departure, EndpointRequest } from './endpoint.ts';
import { createLegacyTransport } from './legacy-transport.ts';
import type { GatewayLimits } from './limits.ts';
import { errorMessage, isObject, isRequest, isResponse, notificationMessage, rpcCode } from './message.ts';
import { metaOf } from './meta-keys.ts';
import { mayConfirm } from './modern-translation.ts';
import { endedError } from './peer.ts';
import type { AskClient, Outcome, RunningCalls } from './running-calls.ts';
import type { ServerProcess } from './server-contract.ts';

export interface LegacySession {
  /** Set once `initialize` has been accepted. */
  id(): string | undefined;
  handle(request: EndpointRequest, body: unknown): Answer;
  /** Requests that the server has not answered. */
  running(): number;
  /** Whether a client waits for an answer or listens. */
  isBusy(): boolean;
  /** Ends the session: open requests fail with `reason`, streams close, the process stops. Idempotent. */
  end(reason: string): void;
  readonly ended: Promise<void>;
}

interface Pending {
  readonly departure: Departure;
  readonly token: ProgressToken | undefined;
  /** It runs no longer. */
  readonly over: () => void;
}

/** A question of the gateway itself. */
interface OwnQuestion {
  /** The client's request in whose course it is asked. */
  readonly call: RequestId;
  readonly answer: (outcome: Outcome) => void;
}

export function createLegacySession(process: ServerProcess, limits: GatewayLimits, calls: RunningCalls): LegacySession {
  const pending = new Map<RequestId, Pending>();
  const client = {};
  let capabilities: ClientCapabilities = {};
  /** Servers choose ids of their own; none of theirs begins like this. */
  const ownIds = `vitrine-${randomUUID()}-`;
  const ownQuestions = new Map<RequestId, OwnQuestion>();
  let lastQuestion = 0;
  const { promise: ended, resolve: resolveEnded } = Promise.withResolvers<void>();
  let isOver = false;
  let initializing: { readonly id: RequestId; readonly timer: NodeJS.Timeout } | undefined;

  const transport = createLegacyTransport(limits.keepAliveMs, {
    onMessage: fromClient,
    onClose: () => end('the session was closed'),
  });

  function newestReadRequest(): RequestId | undefined {
    let newest: RequestId | undefined;
    for (const [id, one] of pending) if (!one.departure.hasLeft()) newest = id;
    return newest;
  }

  function ownerOf(token: unknown): RequestId | undefined {
    for (const [id, one] of pending) if (one.token !== undefined && one.token === token) return id;
    return undefined;
  }

  function fromServer(message: JSONRPCMessage, relatedTo?: RequestId): void {
    if (isResponse(message)) {
      if (message.id === undefined || !settle(message.id)) return;
      transport.send(message);
      if (message.id === initializing?.id) {
        clearTimeout(initializing.timer);
        initializing = undefined;
        if ('error' in message) end('the server refused the session');
      }
      return;
    }
    if (message.method === 'notifications/progress') {
      const owner = ownerOf(message.params?.['progressToken']);
      if (owner !== undefined) transport.send(message, owner);
      return;
    }
    const isChange = message.method.endsWith('/list_changed') || message.method === 'notifications/resources/updated';
    const related = isChange ? undefined : (relatedTo ?? newestReadRequest());
    transport.send(message, related);
  }

  /** A cancelled request gets no answer, so its stream would stay open for ever. */
  function forget(id: unknown): void {
    if (typeof id !== 'string' && typeof id !== 'number') return;
    if (settle(id)) transport.release(id);
  }

  /** Whether the request was running, which it is no longer. */
  function settle(id: RequestId): boolean {
    pending.get(id)?.over();
    for (const [question, { call }] of ownQuestions) if (call === id) takeBack(question);
    return pending.delete(id);
  }

  function takeBack(question: RequestId): void {
    const one = ownQuestions.get(question);
    if (one === undefined) return;
    ownQuestions.delete(question);
    const params = { requestId: question, reason: 'no longer needed' };
    transport.send(notificationMessage('notifications/cancelled', params), whereToAsk(one.call));
    one.answer(undefined);
  }

  /** The stream of a request, while somebody reads it; else the standing one. */
  function whereToAsk(call: RequestId): RequestId | undefined {
    return pending.get(call)?.departure.hasLeft() === false ? call : undefined;
  }

  /** How the client of a running request is asked by the gateway itself; `undefined` where it cannot be. */
  function askerOf({ id: call, method }: JSONRPCRequest): AskClient | undefined {
    const isHeard = whereToAsk(call) !== undefined || transport.isListening();
    if (!isHeard || !mayConfirm(method, capabilities)) return undefined;
    return (question, answer) => {
      lastQuestion += 1;
      const id = `${ownIds}${lastQuestion}`;
      ownQuestions.set(id, { call, answer });
      transport.send({ ...question, id }, whereToAsk(call));
      return () => takeBack(id);
    };
  }

  /** Whether it answers a question of the gateway, and so is nothing to the server. */
  function isForGateway(message: JSONRPCMessage): boolean {
    if (!isResponse(message) || typeof message.id !== 'string' || !message.id.startsWith(ownIds)) return false;
    const question = ownQuestions.get(message.id);
    ownQuestions.delete(message.id);
    question?.answer('error' in message ? undefined : message.result);
    return true;
  }

  function watchInitialize(request: JSONRPCRequest): void {
    const declared = request.params?.['capabilities'];
    if (isObject(declared)) capabilities = declared;
    const timer = setTimeout(
      () => end(`the server did not answer initialize within ${limits.startMs} ms`),
      limits.startMs,
    );
    initializing = { id: request.id, timer };
  }

  function end(reason: string): void {
    if (isOver) return;
    isOver = true;
    clearTimeout(initializing?.timer);
    for (const id of pending.keys()) {
      settle(id);
      transport.send(errorMessage(id, { code: rpcCode.internalError, message: reason }));
    }
    transport.close();
    void process.stop();
    resolveEnded();
  }

  function fromClient(message: JSONRPCMessage, departure: Departure): void {
    if (isForGateway(message)) return;
    if (isRequest(message)) {
      if (pending.size >= limits.runningRequests) {
        const busy = `The hosted server already works on ${limits.runningRequests} requests; try again later`;
        transport.send(errorMessage(message.id, { code: rpcCode.internalError, message: busy }));
        return;
      }
      const token = metaOf(message.params)['progressToken'];
      const { method, params } = message;
      pending.get(message.id)?.over();
      pending.set(message.id, {
        departure,
        over: calls.begin(process.instance, { client, method, params, ask: () => askerOf(message) }),
        token: typeof token === 'string' || typeof token === 'number' ? token : undefined,
      });
      if (message.method === 'initialize') watchInitialize(message);
    }
    process.send(message);
    if ('method' in message && message.method === 'notifications/cancelled') forget(message.params?.['requestId']);
  }

  process.attach({ onMessage: fromServer, onExit: (exit) => end(endedError(exit).message) });

  return {
    id: transport.id,
    handle: transport.handle,
    running: () => pending.size,
    isBusy: () => transport.isListening() || newestReadRequest() !== undefined,
    end,
    ended,
  };
}
