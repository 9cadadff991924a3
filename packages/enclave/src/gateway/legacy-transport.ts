/**
 * The HTTP side of one 2025-11-25 session: requests in, messages out on the stream of the request that
 * they belong to, or on the standing stream. Says nothing about what messages mean.
 *
 * Does not resume streams: event ids are not given out, so no client asks for that.
 *
 * Specification: MCP 2025-11-25, Streamable HTTP.
 *
 * @module
 */
import { randomUUID } from 'node:crypto';
import {
  isInitializeRequest,
  type JSONRPCMessage,
  parseJSONRPCMessage,
  type RequestId,
  SUPPORTED_PROTOCOL_VERSIONS,
} from '@modelcontextprotocol/server';
import type { Answer, Departure, EndpointRequest } from './endpoint.ts';
import { createEventAnswer, type EventAnswer } from './event-answer.ts';
import { errorAnswer } from './http-answer.ts';
import { isPlainRequest, isRequest, isResponse, rpcCode } from './message.ts';
import { createStandingStream } from './standing-stream.ts';

export interface LegacyTransport {
  /** Set once `initialize` has been accepted. */
  id(): string | undefined;
  /** @param body - The parsed JSON body of a POST. */
  handle(request: EndpointRequest, body: unknown): Answer;
  /** Sends an answer to its request, another message with `relatedTo`, or to the standing stream. */
  send(message: JSONRPCMessage, relatedTo?: RequestId): void;
  /** Whether the client has its standing stream open. */
  isListening(): boolean;
  /** This request gets no answer, so its stream must not wait for one. */
  release(id: RequestId): void;
  /** Ends all streams. Idempotent. */
  close(): void;
}

export interface LegacyTransportEvents {
  onMessage(message: JSONRPCMessage, departure: Departure): void;
  /** The client has ended the session, or {@link LegacyTransport.close} was called. */
  onClose(): void;
}

/** The stream that answers one POST, and the requests that it still owes an answer. */
interface Posted {
  readonly stream: EventAnswer;
  readonly owed: Set<RequestId>;
}

/** What JSON-RPC leaves to servers; the code that MCP servers commonly refuse requests with. */
const REFUSED = -32000;
const NOT_FOUND = -32001;
const MOST_IN_BATCH = 100;

export function createLegacyTransport(keepAliveMs: number, events: LegacyTransportEvents): LegacyTransport {
  const posted = new Map<RequestId, Posted>();
  const standing = createStandingStream(keepAliveMs);
  let sessionId: string | undefined;
  let isClosed = false;

  function headers(): Readonly<Record<string, string>> {
    return sessionId === undefined ? {} : { 'Mcp-Session-Id': sessionId };
  }

  function close(): void {
    if (isClosed) return;
    isClosed = true;
    for (const { stream } of posted.values()) stream.end();
    posted.clear();
    standing.close();
    events.onClose();
  }

  function stream(messages: readonly JSONRPCMessage[], departure: Departure): Answer {
    const one: Posted = { stream: createEventAnswer(keepAliveMs, headers()), owed: new Set() };
    for (const message of messages) {
      if (!isRequest(message)) continue;
      one.owed.add(message.id);
      posted.set(message.id, one);
    }
    departure.onLeave(() => {
      for (const id of one.owed) if (posted.get(id) === one) posted.delete(id);
    });
    for (const message of messages) events.onMessage(message, departure);
    return one.stream.answer;
  }

  function post({ headers: given, departure }: EndpointRequest, body: unknown): Answer {
    const accept = given.get('accept') ?? '';
    if (!accept.includes('application/json') || !accept.includes('text/event-stream')) {
      return refusal(406, 'Accept must name both application/json and text/event-stream');
    }
    const messages = messagesOf(body);
    if (typeof messages === 'string') return refusal(400, messages, rpcCode.invalidRequest);
    if (messages.some(isInitializeRequest)) {
      if (sessionId !== undefined) return refusal(400, 'The session is initialized already', rpcCode.invalidRequest);
      if (messages.length > 1) return refusal(400, 'initialize has to come alone', rpcCode.invalidRequest);
      sessionId = randomUUID();
    } else {
      const refused = refuseVersion(given.get('mcp-protocol-version'));
      if (refused !== undefined) return refused;
    }
    if (messages.some(isRequest)) return stream(messages, departure);
    for (const message of messages) events.onMessage(message, departure);
    return { status: 202, headers: {} };
  }

  function listen(request: EndpointRequest): Answer {
    if (request.headers.get('accept')?.includes('text/event-stream') !== true) {
      return refusal(406, 'Accept must name text/event-stream');
    }
    return standing.open(request.departure, headers());
  }

  return {
    id: () => sessionId,
    handle(request, body) {
      if (isClosed) return refusal(404, 'Session not found: initialize again', NOT_FOUND);
      if (request.method === 'POST') return post(request, body);
      const refused = refuseVersion(request.headers.get('mcp-protocol-version'));
      if (refused !== undefined) return refused;
      if (request.method === 'GET') return listen(request);
      close();
      return { status: 200, headers: {} };
    },
    send(message, relatedTo) {
      const id = isResponse(message) ? message.id : relatedTo;
      if (id === undefined) {
        if (!isResponse(message)) standing.send(message);
        return;
      }
      const one = posted.get(id);
      if (one === undefined) return;
      if (!isResponse(message)) {
        one.stream.send(message);
        return;
      }
      posted.delete(id);
      one.owed.delete(id);
      if (one.owed.size === 0) one.stream.end(message);
      else one.stream.send(message);
    },
    isListening: standing.isOpen,
    release(id) {
      const one = posted.get(id);
      posted.delete(id);
      one?.owed.delete(id);
      if (one?.owed.size === 0) one.stream.end();
    },
    close,
  };
}

function refusal(status: number, message: string, code: number = REFUSED): Answer {
  return errorAnswer(status, { code, message });
}

function refuseVersion(version: string | null): Answer | undefined {
  if (version === null || SUPPORTED_PROTOCOL_VERSIONS.includes(version)) return undefined;
  return refusal(400, `Unsupported protocol version ${version}; supported: ${SUPPORTED_PROTOCOL_VERSIONS.join(', ')}`);
}

/** The messages of a body, or why they are none. */
function messagesOf(body: unknown): readonly JSONRPCMessage[] | string {
  // Nearly all are this, and what is plainly one need not be copied by a schema.
  if (isPlainRequest(body)) return [body];
  const all: readonly unknown[] = Array.isArray(body) ? body : [body];
  if (all.length > MOST_IN_BATCH) return `A batch may have at most ${MOST_IN_BATCH} messages`;
  try {
    return all.map((one) => parseJSONRPCMessage(one));
  } catch {
    return 'The body is not a JSON-RPC message';
  }
}
