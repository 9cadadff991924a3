/**
 * One server process shared by many clients: gives every request an id and a progress token of its own,
 * and brings each answer, progress note and log record back to the one request that it belongs to.
 *
 * Ids and progress tokens are counters that start at zero in every client, so they collide by design;
 * none of a client's ever reaches the server, and none of the server's reaches a client.
 *
 * @module
 */
import {
  type JSONRPCMessage,
  type JSONRPCNotification,
  type JSONRPCRequest,
  type JSONRPCResponse,
  type LoggingLevel,
  type ProgressToken,
  type RequestId,
  type Result,
  SUBSCRIPTION_ID_META_KEY,
} from '@modelcontextprotocol/server';
import {
  isNotification,
  isRequest,
  notificationMessage,
  type Params,
  type RpcError,
  requestMessage,
  rpcCode,
} from './message.ts';
import { isLoggingLevel, metaOf, reaches } from './meta-keys.ts';
import type { ServerExit, ServerProcess } from './server-contract.ts';

/** Where the outcome of one client's request goes. Exactly one of `succeed` and `fail` is called, last. */
export interface Reply {
  notify(method: string, params: Params | undefined): void;
  succeed(result: Result): void;
  fail(error: RpcError): void;
}

/** What the peer has to know of a client's request to give it back its own names. */
export interface Exchange {
  readonly reply: Reply;
  readonly clientId?: RequestId;
  readonly progressToken?: ProgressToken;
  readonly logLevel?: LoggingLevel;
}

/**
 * Whose a log record is, since stdio does not say. `only-running`: a 2025-11-25 server logs for any
 * request, so only with a single one running is its owner certain. `only-asking`: a 2026-07-28 server
 * logs only for requests that ask, so a single asking one is certain. In doubt a record goes to nobody,
 * because the other choice would show it to a stranger. `one-client`: all requests are of one client, so
 * the newest that asks will do.
 */
export type LogAttribution = 'only-running' | 'only-asking' | 'one-client';

export interface Peer {
  readonly process: ServerProcess;
  /** Requests that the server has not answered yet. */
  running(): number;
  /** Sends a request; the returned function cancels it, after which nothing more arrives for it. */
  open(method: string, params: Params | undefined, exchange: Exchange): () => void;
  /** A request of the gateway itself. Rejects with {@link PeerError}. */
  call(method: string, params: Params | undefined): Promise<Result>;
  notify(method: string, params: Params | undefined): void;
  /** Sets who gets the server's requests, except `ping`; without a listener they are refused. */
  onRequest(listener: (request: JSONRPCRequest) => void): void;
  /** Sets who hears the notifications that belong to no request, such as `list_changed`. */
  onUnsolicited(listener: (notification: JSONRPCNotification) => void): void;
  onExit(listener: () => void): void;
}

/** A JSON-RPC error as an exception. */
export class PeerError extends Error {
  readonly error: RpcError;

  constructor(error: RpcError) {
    super(error.message);
    this.error = error;
  }
}

/** What a client is told when the server process ends under its request. */
export function endedError(exit: ServerExit): RpcError {
  return {
    code: rpcCode.internalError,
    message: `The hosted server ${exit.reason} before it answered; send the request again to reach a fresh one`,
  };
}

/** Takes over `process` from whoever listened to it before. */
export function createPeer(process: ServerProcess, attribution: LogAttribution): Peer {
  const exchanges = new Map<RequestId, Exchange>();
  const exitListeners: (() => void)[] = [];
  let unsolicited: ((notification: JSONRPCNotification) => void) | undefined;
  let requests: ((request: JSONRPCRequest) => void) | undefined;
  let exit: ServerExit | undefined;
  let lastId = 0;

  function routeProgress(params: Params): void {
    const token = params['progressToken'];
    const exchange = typeof token === 'number' ? exchanges.get(token) : undefined;
    if (exchange?.progressToken === undefined) return;
    exchange.reply.notify('notifications/progress', { ...params, progressToken: exchange.progressToken });
  }

  function routeLog(params: Params): void {
    // The gateway's own requests carry no client id, and no server logs on behalf of them.
    const all = [...exchanges.values()].filter((one) => one.clientId !== undefined);
    const candidates = attribution === 'only-running' ? all : all.filter((one) => one.logLevel !== undefined);
    const owner = candidates.at(-1);
    if (attribution !== 'one-client' && candidates.length !== 1) return;
    if (owner?.logLevel === undefined) return;
    const level = params['level'];
    if (isLoggingLevel(level) && reaches(level, owner.logLevel)) owner.reply.notify('notifications/message', params);
  }

  function routeNotification(notification: JSONRPCNotification): void {
    const params = notification.params ?? {};
    const subscription = metaOf(params)[SUBSCRIPTION_ID_META_KEY];
    if (notification.method === 'notifications/progress') routeProgress(params);
    else if (notification.method === 'notifications/message') routeLog(params);
    else if (typeof subscription !== 'number') unsolicited?.(notification);
    else {
      const exchange = exchanges.get(subscription);
      exchange?.reply.notify(notification.method, withClientId(params, exchange));
    }
  }

  function onMessage(message: JSONRPCMessage): void {
    if (isRequest(message)) {
      if (message.method === 'ping') process.send({ jsonrpc: '2.0', id: message.id, result: {} });
      else if (requests !== undefined) requests(message);
      else {
        const error = { code: rpcCode.methodNotFound, message: `The client does not answer ${message.method}` };
        process.send({ jsonrpc: '2.0', id: message.id, error });
      }
      return;
    }
    if (isNotification(message)) routeNotification(message);
    else routeResponse(message);
  }

  function routeResponse(message: JSONRPCResponse): void {
    if (message.id === undefined) return;
    const exchange = exchanges.get(message.id);
    if (exchange === undefined) return;
    exchanges.delete(message.id);
    if ('error' in message) exchange.reply.fail(message.error);
    else if (metaOf(message.result)[SUBSCRIPTION_ID_META_KEY] === message.id) {
      exchange.reply.succeed(withClientId(message.result, exchange));
    } else exchange.reply.succeed(message.result);
  }

  process.attach({
    onMessage,
    onExit(how) {
      exit = how;
      const open = [...exchanges.values()];
      exchanges.clear();
      for (const exchange of open) exchange.reply.fail(endedError(how));
      for (const listener of exitListeners) listener();
    },
  });

  function send(method: string, params: Params | undefined, exchange: Exchange): number {
    lastId += 1;
    const id = lastId;
    if (exit !== undefined) {
      exchange.reply.fail(endedError(exit));
      return id;
    }
    exchanges.set(id, exchange);
    const named =
      exchange.progressToken === undefined ? params : { ...params, _meta: { ...metaOf(params), progressToken: id } };
    process.send(requestMessage(id, method, named));
    return id;
  }

  return {
    process,
    running: () => exchanges.size,
    open(method, params, exchange) {
      const id = send(method, params, exchange);
      return () => {
        if (!exchanges.delete(id)) return;
        process.send(notificationMessage('notifications/cancelled', { requestId: id, reason: 'the client is gone' }));
      };
    },
    call(method, params) {
      const { promise, resolve, reject } = Promise.withResolvers<Result>();
      const reply = {
        notify: () => undefined,
        succeed: resolve,
        fail: (error: RpcError) => reject(new PeerError(error)),
      };
      send(method, params, { reply });
      return promise;
    },
    notify: (method, params) => process.send(notificationMessage(method, params)),
    onRequest(listener) {
      requests = listener;
    },
    onUnsolicited(listener) {
      unsolicited = listener;
    },
    onExit(listener) {
      if (exit === undefined) exitListeners.push(listener);
      else queueMicrotask(listener);
    },
  };
}

/** The subscription id is the id of the `subscriptions/listen` request, so it too has to be the client's own. */
function withClientId<T extends { readonly _meta?: unknown }>(carrier: T, exchange: Exchange): T {
  if (exchange.clientId === undefined) return carrier;
  return { ...carrier, _meta: { ...Object(carrier._meta), [SUBSCRIPTION_ID_META_KEY]: exchange.clientId } };
}
