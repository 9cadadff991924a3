/**
 * HTTP requests to the one hosted server, over its Unix socket or a port of this machine. Knows nothing
 * of MCP.
 *
 * @module
 */
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import type { HttpPlace } from '../housing/housing.ts';

interface HttpRequest {
  readonly method: 'POST' | 'GET' | 'DELETE' | 'HEAD';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Ends the request, whatever its state. */
  readonly signal: AbortSignal;
}

/** The body is read, or the signal aborted, by whoever asked. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: IncomingMessage;
}

export interface HttpConnections {
  /** Rejects when there is no connection, or it ends before the headers. */
  ask(request: HttpRequest): Promise<HttpAnswer>;
  close(): void;
}

// Servers close idle connections after 5 s and more (Node, uvicorn); a request must not meet that moment.
const IDLE_MS = 2_000;

export function openHttpConnections(place: HttpPlace): HttpConnections {
  const agent = new Agent({ keepAlive: true, timeout: IDLE_MS });
  return {
    ask({ method, path, headers, body, signal }) {
      return new Promise((resolve, reject) => {
        const outgoing = request({
          agent,
          host: '127.0.0.1',
          port: place.port,
          ...(place.socketPath === undefined ? {} : { socketPath: place.socketPath }),
          method,
          path,
          headers: { ...headers, ...(body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) }) },
          signal,
        });
        outgoing.once('response', (answer) => {
          // Who reads the body learns of it there; without a reader it must not end the process.
          answer.on('error', () => undefined);
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: answer });
        });
        outgoing.on('error', reject);
        outgoing.end(body);
      });
    },
    close: () => agent.destroy(),
  };
}
