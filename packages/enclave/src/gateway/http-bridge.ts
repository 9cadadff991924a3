/**
 * Between Node's HTTP objects and the web-standard requests and responses of the SDK's transports.
 *
 * A client that goes away is noticed at once, in both directions: the request's signal aborts and the
 * response body is cancelled, so that its stream does not stay open until the next write.
 *
 * Bodies are read here and handed over as text: a web-standard stream for each request costs more than
 * all else that is done here.
 *
 * @module
 */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorAnswer } from './http-answer.ts';
import { rpcCode } from './message.ts';
import type { Outbox } from './outbox.ts';

export interface BridgeOptions {
  /** A longer body is answered 413 without calling the handler. */
  readonly requestBytes: number;
  readonly outbox: Outbox;
}

/** Gets a request without its body, and the body as text; empty for GET and DELETE. */
export type Handler = (request: Request, body: string) => Promise<Response>;

/** Headers wait this long for the first words, so that both leave in one packet. */
const TOGETHER_MS = 20;

/** Answers `incoming` with what `handler` makes of it. Resolves when the answer is written or the client is gone. */
export async function bridge(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { requestBytes, outbox }: BridgeOptions,
  handler: Handler,
): Promise<void> {
  const gone = new AbortController();
  const onClose = (): void => {
    if (!outgoing.writableFinished) gone.abort();
  };
  outgoing.once('close', onClose);
  if (outgoing.destroyed) onClose();
  try {
    const response = await answer(incoming, requestBytes, gone.signal, handler);
    if (!gone.signal.aborted) await write(response, outgoing, gone.signal, outbox);
    else await response.body?.cancel();
  } finally {
    outgoing.off('close', onClose);
  }
}

async function answer(
  incoming: IncomingMessage,
  requestBytes: number,
  signal: AbortSignal,
  handler: Handler,
): Promise<Response> {
  let request: Request;
  let body: string | undefined;
  try {
    const headers = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)] as [string, string]);
    // Origin form, as the front door demands; whose name stands before it is of no use to anybody here.
    request = new Request(`http://localhost${incoming.url ?? '/'}`, {
      method: incoming.method ?? 'GET',
      headers,
      signal,
    });
    body = await readBody(incoming, requestBytes);
  } catch {
    return errorAnswer(400, { code: rpcCode.parseError, message: 'The request could not be read' });
  }
  if (body === undefined) {
    const error = { code: rpcCode.invalidRequest, message: `The request body exceeds ${requestBytes} bytes` };
    // What is left of the body is not read, so the connection cannot be used again.
    return errorAnswer(413, error, null, { Connection: 'close' });
  }
  return handler(request, body);
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
  incoming.once('end', () => resolve(Buffer.concat(chunks, length).toString('utf8')));
  incoming.once('error', reject);
  incoming.once('close', () => reject(new Error('the request ended early')));
  return promise;
}

async function write(response: Response, outgoing: ServerResponse, gone: AbortSignal, outbox: Outbox): Promise<void> {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body === null) {
    outgoing.end();
    return;
  }
  // Streams send their headers before there is anything to say, unless that comes soon.
  const patience = setTimeout(() => outgoing.flushHeaders(), TOGETHER_MS);
  const reader = response.body.getReader();
  const cancel = (): void => {
    reader.cancel().catch(() => undefined);
  };
  gone.addEventListener('abort', cancel, { once: true });
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      clearTimeout(patience);
      // The end of a stream usually follows its last words at once; both then leave in one packet.
      const { socket } = outgoing;
      socket?.cork();
      setImmediate(() => socket?.uncork());
      outbox.write(outgoing, part.value);
    }
    outgoing.end();
    if (!outgoing.writableFinished) await once(outgoing, 'finish', { signal: gone });
  } catch {
    // Either the client is gone, or the stream broke; then a cut-off answer must not look like a complete one.
    outgoing.destroy();
  } finally {
    clearTimeout(patience);
    gone.removeEventListener('abort', cancel);
  }
}
