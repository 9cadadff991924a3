/**
 * Between Node's HTTP objects and the requests and answers of the gateway.
 *
 * A client that goes away is noticed at once, in both directions: the request's departure is told and the
 * stream of its answer cancelled, so that it does not stay open until the next write.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Answer, type AnswerStream, createDeparture, type Departure, type EndpointRequest } from './endpoint.ts';
import { errorAnswer } from './http-answer.ts';
import { rpcCode } from './message.ts';
import type { Outbox } from './outbox.ts';

export interface BridgeOptions {
  /** A longer body is answered 413 without calling the handler. */
  readonly requestBytes: number;
  readonly outbox: Outbox;
}

/** Gets a request without its body, and the body as text; empty for GET and DELETE. */
export type Handler = (request: EndpointRequest, body: string) => Promise<Answer>;

/** Headers wait this long for the first words, so that both leave in one packet. */
const TOGETHER_MS = 20;

/** Answers `incoming` with what `handler` makes of it. Resolves when the answer is written or the client is gone. */
export async function bridge(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { requestBytes, outbox }: BridgeOptions,
  handler: Handler,
): Promise<void> {
  const { departure, leave } = createDeparture();
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) leave();
    resolve();
  });
  if (outgoing.destroyed) {
    leave();
    resolve();
  }
  const { body, ...head } = await answer(incoming, requestBytes, departure, handler);
  if (departure.hasLeft()) {
    if (typeof body === 'object') body.cancel();
    return;
  }
  if (typeof body === 'object') pipe(head, body, outgoing, departure, outbox);
  else {
    outgoing.writeHead(head.status, whole(head, body ?? ''));
    outbox.end(outgoing, body ?? '');
  }
  await closed;
}

async function answer(
  incoming: IncomingMessage,
  requestBytes: number,
  departure: Departure,
  handler: Handler,
): Promise<Answer> {
  let body: string | undefined;
  try {
    body = await readBody(incoming, requestBytes);
  } catch {
    return errorAnswer(400, { code: rpcCode.parseError, message: 'The request could not be read' });
  }
  if (body === undefined) {
    const error = { code: rpcCode.invalidRequest, message: `The request body exceeds ${requestBytes} bytes` };
    // What is left of the body is not read, so the connection cannot be used again.
    return errorAnswer(413, error, null, { Connection: 'close' });
  }
  const { headers, method = 'GET' } = incoming;
  const get = (name: string): string | null => {
    const value = headers[name];
    return value === undefined ? null : String(value);
  };
  return handler({ method, headers: { get }, departure }, body);
}

/** The body, or `undefined` when it is too long. Rejects when it ends early. */
function readBody(incoming: IncomingMessage, most: number): Promise<string | undefined> {
  if (Number(incoming.headers['content-length'] ?? 0) > most) return Promise.resolve(undefined);
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  const chunks: Buffer[] = [];
  let length = 0;
  incoming.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= most) chunks.push(chunk);
    else {
      // Giving up must leave the socket usable for saying so.
      incoming.pause();
      incoming.removeAllListeners('data');
      resolve(undefined);
    }
  });
  incoming.once('end', () => {
    const [first] = chunks;
    const bytes = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, length);
    resolve(bytes.toString('utf8'));
  });
  incoming.once('error', reject);
  incoming.once('close', () => {
    if (!incoming.readableEnded) reject(new Error('the request ended early'));
  });
  return promise;
}

type Head = Omit<Answer, 'body'>;

/** The headers of an answer that is known whole. A status without content has no length. */
function whole({ status, headers }: Head, body: string): Record<string, string> {
  return status === 204 ? { ...headers } : { ...headers, 'Content-Length': `${Buffer.byteLength(body)}` };
}

function pipe(head: Head, stream: AnswerStream, outgoing: ServerResponse, departure: Departure, outbox: Outbox): void {
  // Streams begin before there is anything to say, unless that comes soon.
  const patience = setTimeout(() => {
    begin({ ...head.headers });
    outgoing.flushHeaders();
  }, TOGETHER_MS);
  let hasBegun = false;

  function begin(headers: Record<string, string>): void {
    clearTimeout(patience);
    if (hasBegun) return;
    hasBegun = true;
    outgoing.writeHead(head.status, headers);
  }

  departure.onLeave(() => {
    clearTimeout(patience);
    stream.cancel();
  });
  stream.pipe({
    write(text) {
      if (outgoing.destroyed) return;
      begin({ ...head.headers });
      outbox.write(outgoing, text);
    },
    end(text) {
      if (outgoing.destroyed) return;
      begin(whole(head, text));
      outbox.end(outgoing, text);
    },
  });
}
