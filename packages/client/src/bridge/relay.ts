/**
 * Relays JSON-RPC messages between a client on stdio and a server on Streamable HTTP, in the
 * client's era, without changing their text.
 *
 * Up to 2025-11-25: session id, a GET stream for what the server says by itself, DELETE at the end.
 * From 2026-07-28: each request carries its envelope, and closing its stream cancels it.
 *
 * Connections come and go below it. What may be sent again is sent again; a lost session and a
 * listening stream that broke are opened again; every other request gets an error of its own.
 *
 * @module
 */
import { setTimeout as delay } from 'node:timers/promises';
import { cleanText } from '../clean-text.ts';
import { describeRefusal } from '../errors.ts';
import type { FetchLike } from '../net/outside-fetch.ts';
import { readEvents, readText } from './event-stream.ts';
import { createExchanges, type Exchange, requestsIn } from './exchanges.ts';
import { classify, envelopeVersion, errorText, isRecord, type Kind } from './message.ts';
import { requestHeaders, type Session, sessionHeaders } from './request-headers.ts';
import { withRetries } from './retry.ts';
import { failureError, noAnswer } from './rpc-error.ts';
import { createSession } from './session.ts';
import { createToolHeaders } from './tool-headers.ts';
import { createToolHints } from './tool-hints.ts';

const RETRY_MS = 1_000;
/** A server may want to be asked again at once, but not all the time. */
const MIN_RETRY_MS = 50;
const MAX_RETRY_MS = 30_000;
const RESUME_ATTEMPTS = 3;
const DELETE_LIMIT_MS = 1_000;

export interface RelayOptions {
  readonly url: string;
  readonly fetch: FetchLike;
  /** Writes one message for the client. */
  readonly emit: (line: string) => Promise<void>;
  /** Told every failure of a request; says whether trying again makes sense. */
  readonly onFailure: (error: unknown) => boolean;
  /** One line for people. */
  readonly report: (line: string) => void;
}

export interface Relay {
  /** Takes one message of the client, `text` being its JSON. Messages are delivered in this order. */
  take(message: Kind, text: string): void;
  /** Resolves when every request is answered, streams that only listen left aside. */
  idle(): Promise<void>;
  /** Ends the session and everything under way. */
  close(): Promise<void>;
}

/** Where and when a stream can be resumed. */
interface StreamEnd {
  readonly lastEventId: string | undefined;
  readonly retryMs: number;
}

export function createRelay({ url, fetch: fetchOnce, emit, onFailure, report }: RelayOptions): Relay {
  const exchanges = createExchanges();
  const tools = createToolHeaders();
  const hints = createToolHints();
  const fetch = withRetries(fetchOnce, hints);
  const closing = new AbortController();
  /** Of the requests under way. One signal for all would collect what each of them hangs on it. */
  const active = new Set<AbortController>();
  const session = createSession({ post, report });
  /** Settles when the last message that has to arrive before later ones has arrived. */
  let barrier: Promise<void> = Promise.resolve();

  function post(message: Kind, text: string, within: Session, signal: AbortSignal): Promise<Response> {
    return fetch(url, { method: 'POST', headers: requestHeaders(message, within, tools), body: text, signal });
  }

  /** Posts a request; where the session is lost, in a new one. */
  async function send(message: Kind, text: string, exchange: Exchange, signal: AbortSignal): Promise<Response> {
    const within = session.current();
    const response = await post(message, text, within, signal);
    const initializes = message.kind === 'request' && message.method === 'initialize';
    if (initializes && response.ok) session.started(response);
    if (response.ok) session.sent(message, text);
    if (response.status !== 404 || within.id === undefined || exchange.modern || initializes) return response;
    await response.body?.cancel();
    await session.renew(within, signal);
    return post(message, text, session.current(), signal);
  }

  /** Hands a message of the server to the client, and notes what the bridge needs to know of it. */
  async function hand(text: string): Promise<void> {
    const message = parse(text);
    if (message === undefined) return report(`the server sent something that is no message: ${cleanText(text, 80)}`);
    for (const one of message.kind === 'batch' ? message.messages : [message]) {
      if (one.kind !== 'response') continue;
      const method = exchanges.settle(one.id);
      if (method === 'initialize' && one.error === undefined) session.settled(one.result);
      if (method === 'tools/list') {
        tools.learn(one.result);
        hints.learn(one.result);
      }
    }
    await emit(text.replace(/[\r\n]+/g, ' '));
  }

  async function fail(exchange: Exchange, error: unknown): Promise<void> {
    for (const id of exchanges.end(exchange)) await emit(errorText(id, error));
  }

  async function request(message: Kind, text: string, exchange: Exchange, before: Promise<void>, arrived: () => void) {
    const { signal } = exchange.abort;
    active.add(exchange.abort);
    try {
      await before;
      const response = await send(message, text, exchange, signal);
      arrived();
      if (exchange.listening && exchange.modern) await keepListening(message, text, response, exchange, signal);
      else await readReply(response, exchange, signal);
      await fail(exchange, noAnswer('it ended the exchange without answering'));
    } catch (error) {
      if (!signal.aborted) onFailure(error);
      // A cancelled request has no answer; when everything ends there is nobody to answer.
      if (signal.aborted) exchanges.end(exchange);
      else await fail(exchange, failureError(error));
    } finally {
      active.delete(exchange.abort);
      arrived();
    }
  }

  async function readReply(response: Response, exchange: Exchange, signal: AbortSignal): Promise<void> {
    const type = response.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
    if (response.ok && type === 'text/event-stream') {
      const end = await readStream(response, signal);
      if (!exchange.modern) await resume(exchange, end, signal);
      return;
    }
    const text = await readText(response);
    const message = parse(text);
    const unmatched =
      message?.kind === 'response' && message.error !== undefined && exchanges.find(message.id) !== exchange;
    if (unmatched) return fail(exchange, message.error);
    if (message !== undefined) return hand(text);
    const said = response.ok ? `an answer of type ${type ?? 'unknown'}` : `HTTP ${response.status}`;
    // Whoever says "too many requests" has not begun with this one.
    await fail(exchange, noAnswer(`${said}${text === '' ? '' : `: ${cleanText(text)}`}`, response.status !== 429));
  }

  /** From 2026-07-28: a listening stream that breaks, or ends without its result, is opened again. */
  async function keepListening(message: Kind, text: string, first: Response, exchange: Exchange, signal: AbortSignal) {
    if (!first.ok) return readReply(first, exchange, signal);
    let response: Response | undefined = first;
    let wait = RETRY_MS;
    while (exchange.pending.size > 0) {
      try {
        response ??= await post(message, text, session.current(), signal);
        if (response.ok) wait = RETRY_MS;
        if (response.status < 500) await readReply(response, exchange, signal);
        else await response.body?.cancel();
      } catch (error) {
        if (signal.aborted || !onFailure(error)) throw error;
      }
      response = undefined;
      if (exchange.pending.size === 0) return;
      await delay(wait, undefined, { signal, ref: false });
      wait = Math.min(wait * 2, MAX_RETRY_MS);
    }
  }

  /** Relays a stream until it ends or breaks; a break is an error only where there is no id to resume after. */
  async function readStream(response: Response, signal: AbortSignal): Promise<StreamEnd> {
    let end: StreamEnd = { lastEventId: undefined, retryMs: RETRY_MS };
    if (response.body === null) return end;
    try {
      for await (const { data, lastEventId, retryMs } of readEvents(response.body)) {
        end = { lastEventId, retryMs: Math.max(MIN_RETRY_MS, Math.min(retryMs ?? RETRY_MS, MAX_RETRY_MS)) };
        if (data !== '') await hand(data);
      }
    } catch (error) {
      if (signal.aborted || end.lastEventId === undefined || describeRefusal(error) !== undefined) throw error;
    }
    return end;
  }

  /** The old era lets a server end a stream early and go on with it in another. */
  async function resume(exchange: Exchange, first: StreamEnd, signal: AbortSignal): Promise<void> {
    let { lastEventId, retryMs } = first;
    for (let attempt = 0; attempt < RESUME_ATTEMPTS; attempt++) {
      if (lastEventId === undefined || exchange.pending.size === 0) return;
      await delay(retryMs, undefined, { signal });
      const response = await openStream(lastEventId, signal);
      if (!response.ok) return void (await response.body?.cancel());
      ({ lastEventId, retryMs } = await readStream(response, signal));
    }
  }

  function openStream(lastEventId: string | undefined, signal: AbortSignal): Promise<Response> {
    const resume = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    const headers = { accept: 'text/event-stream', ...sessionHeaders(session.current()), ...resume };
    return fetch(url, { method: 'GET', headers, signal });
  }

  /** Keeps the stream open on which a server of the old era speaks by itself, if it offers one. */
  async function listen(): Promise<void> {
    const { signal } = closing;
    let lastEventId: string | undefined;
    let wait = RETRY_MS;
    while (!signal.aborted) {
      try {
        const within = session.current();
        const response = await openStream(lastEventId, signal);
        if (response.status === 404 && within.id !== undefined) {
          await response.body?.cancel();
          await session.renew(within, signal);
          lastEventId = undefined;
        } else if (response.ok) {
          const end = await readStream(response, signal);
          lastEventId = end.lastEventId ?? lastEventId;
          wait = end.retryMs;
        } else {
          await response.body?.cancel();
          // Not offered (405).
          if (response.status < 500) return;
          wait = Math.min(wait * 2, MAX_RETRY_MS);
        }
      } catch (error) {
        if (signal.aborted || !onFailure(error)) return;
        wait = Math.min(wait * 2, MAX_RETRY_MS);
      }
      await delay(wait, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  async function deliver(message: Kind, text: string): Promise<void> {
    try {
      const response = await post(message, text, session.current(), closing.signal);
      await response.body?.cancel();
      if (!response.ok) return report(`the server did not take a message: HTTP ${response.status}`);
      if (message.kind === 'notification' && message.method === 'notifications/initialized') void listen();
    } catch (error) {
      if (!closing.signal.aborted) onFailure(error);
    }
  }

  /** Cancels in the way of the era; whether there is nothing left to relay. */
  function cancels(message: Kind): boolean {
    if (message.kind !== 'notification' || message.method !== 'notifications/cancelled') return false;
    const exchange = exchanges.find(message.params['requestId']);
    if (exchange === undefined) return session.current().version === undefined;
    if (!exchange.modern) {
      // The server may still answer, or end the stream without an answer, which is then no failure.
      exchanges.settle(message.params['requestId']);
      return false;
    }
    exchange.abort.abort();
    return true;
  }

  return {
    take(message, text) {
      if (cancels(message)) return;
      const before = barrier;
      const requests = requestsIn(message);
      if (requests.length === 0) {
        barrier = before.then(() => deliver(message, text));
        return;
      }
      const modern = requests.every(({ params }) => envelopeVersion(params) !== undefined);
      const { promise, resolve } = Promise.withResolvers<void>();
      if (requests.some(({ method }) => method === 'initialize')) barrier = promise;
      void request(message, text, exchanges.open(message, modern), before, resolve);
    },
    idle: () => barrier.then(() => exchanges.idle()),
    async close() {
      closing.abort();
      for (const one of active) one.abort();
      if (session.current().id === undefined) return;
      const signal = AbortSignal.timeout(DELETE_LIMIT_MS);
      // A courtesy: the session ends without it too.
      await fetchOnce(url, { method: 'DELETE', headers: sessionHeaders(session.current()), signal })
        .then((response) => response.body?.cancel())
        .catch(() => undefined);
    },
  };
}

function parse(text: string): Kind | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) || Array.isArray(value) ? classify(value) : undefined;
  } catch {
    return undefined;
  }
}
