/**
 * One session of the 2025-11-25 era: its HTTP side joined to a server process of its own. Messages pass unchanged in both directions, so whatever the two ends agree on works,
 * including requests from server to client.
 *
 * Stdio is one stream and HTTP is many, so for what the server sends the stream has to be chosen:
 * answers and progress go with their request; changes of lists and resources go to the standing stream;
 * the rest (log records, requests to the client) goes with the newest request that somebody still
 * reads, else to the standing stream, which may open a little later.
 *
 * Specification: MCP 2025-11-25, Streamable HTTP, "Sending Messages to the Server" and "Listening for Messages".
 *
 * @module
 */
import type { JSONRPCMessage, JSONRPCRequest, ProgressToken, RequestId } from '@modelcontextprotocol/server';
import type { Answer, Departure, EndpointRequest } from './endpoint.ts';
import { createLegacyTransport } from './legacy-transport.ts';
import type { GatewayLimits } from './limits.ts';
import { errorMessage, isRequest, isResponse, rpcCode } from './message.ts';
import { metaOf } from './meta-keys.ts';
import { endedError } from './peer.ts';
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
}

export function createLegacySession(process: ServerProcess, limits: GatewayLimits): LegacySession {
  const pending = new Map<RequestId, Pending>();
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
      if (message.id === undefined || !pending.delete(message.id)) return;
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
    if (pending.delete(id)) transport.release(id);
  }

  function watchInitialize(request: JSONRPCRequest): void {
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
    for (const id of pending.keys()) transport.send(errorMessage(id, { code: rpcCode.internalError, message: reason }));
    pending.clear();
    transport.close();
    void process.stop();
    resolveEnded();
  }

  function fromClient(message: JSONRPCMessage, departure: Departure): void {
    if (isRequest(message)) {
      if (pending.size >= limits.runningRequests) {
        const busy = `The hosted server already works on ${limits.runningRequests} requests; try again later`;
        transport.send(errorMessage(message.id, { code: rpcCode.internalError, message: busy }));
        return;
      }
      const token = metaOf(message.params)['progressToken'];
      pending.set(message.id, {
        departure,
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
