/**
 * Between Node's HTTP objects and the web-standard requests and responses of the SDK's transports.
 *
 * A client that goes away is noticed at once, in both directions: the request's signal aborts and the
 * response body is cancelled, so that its stream does not stay open until the next write.
 *
 * @module
 */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { toWebRequest } from '@modelcontextprotocol/node';
import { errorAnswer } from './http-answer.ts';
import { rpcCode } from './message.ts';

/**
 * Answers `incoming` with what `handler` makes of it. Resolves when the answer is written or the client is gone.
 *
 * @param requestBytes - A longer body is answered 413 without calling `handler`.
 */
export async function bridge(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  requestBytes: number,
  handler: (request: Request) => Promise<Response>,
): Promise<void> {
  const gone = new AbortController();
  const onClose = (): void => gone.abort();
  outgoing.once('close', onClose);
  if (outgoing.destroyed) onClose();
  try {
    const response = await answer(incoming, requestBytes, gone.signal, handler);
    if (!gone.signal.aborted) await write(response, outgoing, gone.signal);
    else await response.body?.cancel();
  } finally {
    outgoing.off('close', onClose);
  }
}

async function answer(
  incoming: IncomingMessage,
  requestBytes: number,
  signal: AbortSignal,
  handler: (request: Request) => Promise<Response>,
): Promise<Response> {
  let request: Request;
  try {
    const readable = {
      method: incoming.method ?? 'GET',
      url: incoming.url ?? '/',
      headers: incoming.headers,
      // Giving up on a body that is too long must leave the socket usable for saying so.
      [Symbol.asyncIterator]: () => incoming.iterator({ destroyOnReturn: false }),
    };
    request = await toWebRequest(readable, undefined, { signal, maxRequestBodySize: requestBytes });
  } catch (failure) {
    if (failure instanceof Error && failure.name === 'RequestBodyTooLargeError') {
      const error = { code: rpcCode.invalidRequest, message: `The request body exceeds ${requestBytes} bytes` };
      // What is left of the body is not read, so the connection cannot be used again.
      return errorAnswer(413, error, null, { Connection: 'close' });
    }
    return errorAnswer(400, { code: rpcCode.parseError, message: 'The request could not be read' });
  }
  return handler(request);
}

async function write(response: Response, outgoing: ServerResponse, gone: AbortSignal): Promise<void> {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body === null) {
    outgoing.end();
    return;
  }
  // Streams send their headers before there is anything to say.
  outgoing.flushHeaders();
  const reader = response.body.getReader();
  const cancel = (): void => {
    reader.cancel().catch(() => undefined);
  };
  gone.addEventListener('abort', cancel, { once: true });
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      if (!outgoing.write(part.value)) await once(outgoing, 'drain', { signal: gone });
    }
    outgoing.end();
  } catch {
    // Either the client is gone, or the stream broke; then a cut-off answer must not look like a complete one.
    outgoing.destroy();
  } finally {
    gone.removeEventListener('abort', cancel);
  }
}
