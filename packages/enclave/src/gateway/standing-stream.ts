/**
 * The stream on which a 2025-11-25 client hears what belongs to none of its requests (HTTP GET).
 *
 * Servers begin to speak as soon as the session is initialised, a moment before the client can have opened
 * the stream, so what comes too early waits for it. A client that lost its connection may open
 * the stream again before the loss of the old one has been noticed; the newest one wins.
 *
 * @module
 */
import type { JSONRPCMessage, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';

export interface StandingStream {
  isOpen(): boolean;
  /** Sends now, or when the stream opens. */
  send(message: JSONRPCMessage): void;
  /** Serves the client's GET request. */
  open(request: Request): Promise<Response>;
}

// Clients need not open the stream at all, so what waits is bounded; the oldest message goes first.
const MAX_WAITING = 64;

export function createStandingStream(transport: WebStandardStreamableHTTPServerTransport): StandingStream {
  let current: Request | undefined;
  const waiting: JSONRPCMessage[] = [];

  function deliver(message: JSONRPCMessage): void {
    transport.send(message).catch(() => undefined);
  }

  return {
    isOpen: () => current !== undefined,
    send(message) {
      if (current !== undefined) deliver(message);
      else {
        waiting.push(message);
        if (waiting.length > MAX_WAITING) waiting.shift();
      }
    },
    async open(request) {
      transport.closeStandaloneSSEStream();
      const response = await transport.handleRequest(request);
      if (response.status !== 200) return response;
      current = request;
      const onGone = (): void => {
        if (current === request) current = undefined;
      };
      if (request.signal.aborted) onGone();
      request.signal.addEventListener('abort', onGone, { once: true });
      for (const message of waiting.splice(0)) deliver(message);
      return response;
    },
  };
}
