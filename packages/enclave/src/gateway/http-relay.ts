/**
 * The client's side of Streamable HTTP without a client: puts each message into the request that it
 * belongs into, and hands over every message that comes back, on whichever stream.
 *
 * It never makes a message but one: the error for a request that was not answered in the protocol.
 *
 * @module
 */
import type { IncomingMessage } from 'node:http';
import type { JSONRPCMessage, JSONRPCRequest, RequestId } from '@modelcontextprotocol/server';
import { createEventStream } from './event-stream.ts';
import type { HttpAnswer, HttpConnections } from './http-connections.ts';
import {
  errorMessage,
  isNotification,
  isObject,
  isRequest,
  isResponse,
  parseLine,
  requestMessage,
  rpcCode,
} from './message.ts';
import { metaOf } from './meta-keys.ts';
import {
  type HeaderParameter,
  headerParameters,
  parameterHeaders,
  revisionOf,
  standardHeaders,
} from './modern-request-headers.ts';

export interface HttpRelayOptions {
  readonly connections: HttpConnections;
  /** Of one message. */
  readonly maxBytes: number;
  /** Aborted when the server process has ended. */
  readonly ended: AbortSignal;
  /** @param relatedTo - The request on whose stream it came. */
  readonly deliver: (message: JSONRPCMessage, relatedTo?: RequestId) => void;
  /** The server is beyond use: ends it, with this reason. */
  readonly fail: (reason: string) => void;
  /** One line about what was skipped. */
  readonly onNote: (line: string) => void;
}

export interface HttpRelay {
  /** Sends once `after` has resolved and every notification before has been taken. */
  send(message: JSONRPCMessage, after: Promise<void>): void;
  /** Tells a 2025-11-25 server that its session is over; never rejects. */
  endSession(limitMs: number): Promise<void>;
}

interface Running {
  readonly isModern: boolean;
  readonly stop: AbortController;
  answered: boolean;
}

const PATH = '/mcp';
const ACCEPT_BOTH = 'application/json, text/event-stream';
/** A server that does not take a notification must not hold up what comes after it. */
const NOTIFICATION_MS = 5_000;
/** A server that opens its standing stream at all does so at once. */
const LISTEN_MS = 1_000;
const RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;
/** Attempts to go on reading an answer whose stream has ended, one after the other without an event. */
const MAX_RESUMES = 5;
const FORGOTTEN = 'was ended because it forgot its session';
/** How long after a broken connection the end of the process is waited for. */
const END_MS = 1_000;
/** Pages of a tool list that are read for its headers. */
const MAX_PAGES = 32;
/** Ids of the relay's own requests; nobody else's are text. */
const OWN_ID = 'vitrine-tools';

export function createHttpRelay(options: HttpRelayOptions): HttpRelay {
  const { connections, deliver, ended, maxBytes } = options;
  const running = new Map<RequestId, Running>();
  /** Which arguments of each tool are repeated in headers; `undefined` until a list was seen. */
  let tools: Map<string, readonly HeaderParameter[]> | undefined;
  let session: string | undefined;
  let revision: string | undefined;
  let order: Promise<void> = Promise.resolve();

  function sessionHeaders(): Readonly<Record<string, string>> {
    return {
      ...(session === undefined ? {} : { 'Mcp-Session-Id': session }),
      ...(revision === undefined ? {} : { 'MCP-Protocol-Version': revision }),
    };
  }

  function post(
    message: JSONRPCMessage,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    return connections.ask({
      method: 'POST',
      path: PATH,
      headers: { 'Content-Type': 'application/json', Accept: ACCEPT_BOTH, ...headers },
      body: JSON.stringify(message),
      signal,
    });
  }

  /** Hands over what the server sent for the request `of`, or on the standing stream. */
  function receive(text: string, of?: JSONRPCRequest): void {
    const messages = parseLine(text);
    if (messages === undefined) options.onNote(`HTTP, not JSON-RPC: ${text.slice(0, 200)}`);
    for (const message of messages ?? []) {
      if (of !== undefined && isResponse(message) && (message.id === of.id || message.id === undefined)) {
        settle(of, message);
      } else deliver(message, of?.id);
    }
  }

  function settle(request: JSONRPCRequest, answer: JSONRPCMessage): void {
    const one = running.get(request.id);
    if (one === undefined || one.answered) return;
    one.answered = true;
    // Refusals before the request was read name no request, or null.
    const named = { ...answer, id: request.id } as JSONRPCMessage;
    if ('result' in named) learn(request, named.result);
    deliver(named);
  }

  function learn({ method }: JSONRPCRequest, result: unknown): void {
    if (!isObject(result)) return;
    if (method === 'initialize' && typeof result['protocolVersion'] === 'string') revision = result['protocolVersion'];
    if (method !== 'tools/list' || !Array.isArray(result['tools'])) return;
    tools ??= new Map();
    for (const tool of result['tools'] as readonly unknown[]) {
      if (isObject(tool) && typeof tool['name'] === 'string')
        tools.set(tool['name'], headerParameters(tool['inputSchema']));
    }
  }

  async function ask(request: JSONRPCRequest): Promise<void> {
    const named = revisionOf(request);
    const one: Running = { isModern: named !== undefined, stop: new AbortController(), answered: false };
    running.set(request.id, one);
    const signal = AbortSignal.any([ended, one.stop.signal]);
    try {
      const headers = named === undefined ? sessionHeaders() : await modernHeaders(request, named, signal);
      const answer = await post(request, headers, signal);
      if (request.method === 'initialize') session = headerOf(answer, 'mcp-session-id') ?? session;
      if (answer.status === 404 && named === undefined && session !== undefined) options.fail(FORGOTTEN);
      await read(answer, request, one, signal);
      if (!one.answered)
        settle(request, unanswered(request, `its HTTP answer had status ${answer.status} and no message`));
    } catch (failure) {
      // Often the process is about to end, which says more and is told to everybody.
      await pause(END_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
      settle(request, unanswered(request, failure instanceof Error ? failure.message : String(failure)));
    } finally {
      running.delete(request.id);
    }
  }

  async function modernHeaders(
    request: JSONRPCRequest,
    named: string,
    signal: AbortSignal,
  ): Promise<Readonly<Record<string, string>>> {
    const standard = standardHeaders(request, named);
    const tool = request.params?.['name'];
    if (request.method !== 'tools/call' || typeof tool !== 'string') return standard;
    if (tools === undefined) await listTools(request, named, signal);
    return { ...standard, ...parameterHeaders(tools?.get(tool) ?? [], request.params?.['arguments']) };
  }

  /** Reads the tools on behalf of the first caller, whose own client has not: what is needed are their annotations. */
  async function listTools(caller: JSONRPCRequest, named: string, signal: AbortSignal): Promise<void> {
    const { progressToken: _token, ...meta } = metaOf(caller.params);
    let cursor: unknown;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const params = { ...(typeof cursor === 'string' ? { cursor } : {}), _meta: meta };
      const request = requestMessage(OWN_ID, 'tools/list', params);
      const answer = await post(request, standardHeaders(request, named), signal);
      let result: unknown;
      await readMessages(answer, (text) => {
        const found = parseLine(text)?.find((message) => 'result' in message);
        if (found !== undefined && 'result' in found) result = found.result;
      });
      learn(request, result);
      cursor = isObject(result) ? result['nextCursor'] : undefined;
      if (cursor === undefined) break;
    }
    // A server that does not list its tools is asked once.
    tools ??= new Map();
  }

  /** Reads an answer to its end; of a 2025-11-25 server also what it left for later, if it said so. */
  async function read(answer: HttpAnswer, request: JSONRPCRequest, one: Running, signal: AbortSignal): Promise<void> {
    let from = await readMessages(answer, (text) => receive(text, request));
    for (let silent = 0; !one.isModern && !one.answered && from.lastId !== undefined && silent < MAX_RESUMES; ) {
      await pause(from.retryMs ?? RETRY_MS, signal);
      const next = await standing(from.lastId, signal);
      if (next.status !== 200) {
        next.body.destroy();
        return;
      }
      const more = await readMessages(next, (text) => receive(text, request));
      silent = more.lastId === undefined ? silent + 1 : 0;
      from = { lastId: more.lastId ?? from.lastId, retryMs: more.retryMs ?? from.retryMs };
    }
  }

  async function readMessages(answer: HttpAnswer, onText: (text: string) => void): Promise<Resumption> {
    const type = headerOf(answer, 'content-type')?.split(';', 1)[0]?.trim().toLowerCase();
    if (type === 'text/event-stream') return readEvents(answer.body, onText);
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxBytes) {
        tooLong();
        return NO_RESUMPTION;
      }
      if (type === 'application/json') chunks.push(chunk);
    }
    const text = Buffer.concat(chunks).toString('utf8');
    if (text.trim() !== '') onText(text);
    return NO_RESUMPTION;
  }

  async function readEvents(body: IncomingMessage, onText: (text: string) => void): Promise<Resumption> {
    let lastId: string | undefined;
    const stream = createEventStream(
      maxBytes,
      (event) => {
        lastId = event.id ?? lastId;
        if (event.data.trim() !== '') onText(event.data);
      },
      tooLong,
    );
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) stream.push(chunk);
    } catch (failure) {
      // A stream that breaks can be resumed like one that ends, if it said from where.
      if (lastId === undefined) throw failure;
    }
    return { lastId, retryMs: stream.retryMs() };
  }

  function tooLong(): void {
    options.fail(`was ended because one of its messages exceeded ${maxBytes} bytes`);
  }

  function standing(lastId: string | undefined, signal: AbortSignal): Promise<HttpAnswer> {
    const resume = lastId === undefined ? {} : { 'Last-Event-ID': lastId };
    return connections.ask({
      method: 'GET',
      path: PATH,
      headers: { Accept: 'text/event-stream', ...sessionHeaders(), ...resume },
      signal,
    });
  }

  /**
   * The stream of a 2025-11-25 server for what belongs to no request; opened again as long as the server gives it.
   *
   * @param opened - Called when it is open for the first time, or will not be.
   */
  async function listen(opened: () => void): Promise<void> {
    let lastId: string | undefined;
    let wait = RETRY_MS;
    while (!ended.aborted) {
      try {
        const answer = await standing(lastId, ended);
        const isStream =
          answer.status === 200 && headerOf(answer, 'content-type')?.startsWith('text/event-stream') === true;
        if (!isStream) {
          answer.body.resume();
          // 405 says that there is no such stream; other refusals will not change either.
          return opened();
        }
        opened();
        const next = await readEvents(answer.body, (text) => receive(text));
        lastId = next.lastId ?? lastId;
        wait = next.retryMs ?? RETRY_MS;
      } catch {
        opened();
        wait = Math.min(wait * 2, MAX_RETRY_MS);
      }
      await pause(wait, ended).catch(() => undefined);
    }
  }

  /** A notification or a response: the server takes it, and answers nothing. */
  async function tell(message: JSONRPCMessage): Promise<void> {
    const signal = AbortSignal.any([ended, AbortSignal.timeout(NOTIFICATION_MS)]);
    try {
      const answer = await post(message, sessionHeaders(), signal);
      answer.body.resume();
      if (answer.status === 404 && session !== undefined) options.fail(FORGOTTEN);
    } catch (failure) {
      if (!ended.aborted) options.onNote(`HTTP: a message was not taken: ${String(failure)}`);
    }
  }

  /**
   * What the server asks during the first call may come on that stream, and is lost where it is not open yet. Some
   * servers send no headers before there is something to say, so this is waited for only so long.
   */
  async function firstListen(): Promise<void> {
    const { promise: opened, resolve } = Promise.withResolvers<void>();
    void listen(resolve);
    await Promise.race([opened, pause(LISTEN_MS, ended).catch(() => undefined)]);
  }

  async function put(message: JSONRPCMessage): Promise<void> {
    if (isRequest(message)) {
      void ask(message);
      return;
    }
    const cancels = isNotification(message) && message.method === 'notifications/cancelled';
    const one = cancels ? running.get((message.params?.['requestId'] ?? '') as RequestId) : undefined;
    // Closing the answer is the whole cancellation of a 2026-07-28 request.
    if (one?.isModern !== true) await tell(message);
    if (isNotification(message) && message.method === 'notifications/initialized') await firstListen();
    one?.stop.abort();
  }

  return {
    send(message, after) {
      order = order
        .then(() => after)
        .then(() => put(message))
        .catch(() => undefined);
    },
    async endSession(limitMs) {
      if (session === undefined || ended.aborted) return;
      const signal = AbortSignal.any([ended, AbortSignal.timeout(limitMs)]);
      const answer = await connections
        .ask({ method: 'DELETE', path: PATH, headers: sessionHeaders(), signal })
        .catch(() => undefined);
      answer?.body.resume();
    },
  };
}

/** From where a stream can be read on. */
interface Resumption {
  readonly lastId: string | undefined;
  readonly retryMs: number | undefined;
}

const NO_RESUMPTION: Resumption = { lastId: undefined, retryMs: undefined };

function headerOf(answer: HttpAnswer, name: string): string | undefined {
  const value = answer.headers[name];
  return typeof value === 'string' ? value : undefined;
}

function unanswered({ id }: JSONRPCRequest, why: string): JSONRPCMessage {
  return errorMessage(id, { code: rpcCode.internalError, message: `The hosted server did not answer: ${why}` });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, Math.min(ms, MAX_RETRY_MS));
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    function done(): void {
      signal.removeEventListener('abort', abort);
      resolve();
    }
    signal.addEventListener('abort', abort, { once: true });
  });
}
