/**
 * The HTTP servers of emulated platform services: bounded requests, JSON or bytes as answers, and what a service does
 * when it fails at the level of HTTP.
 *
 * @module
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { UsageError } from '@vitrine/documents';
import type { EmulatedIdentity } from './emulated-certificate.ts';

/** What every emulated service can do instead of answering. */
export type HttpFault = 'silent' | 'busy' | 'oversized' | 'truncated' | 'redirect' | 'not-json';

export interface EmulatedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: Uint8Array;
}

export interface EmulatedAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string | string[]>>;
}

export interface EmulatedServer {
  /** Of a server on a loopback port; 0 on a Unix socket. */
  readonly port: number;
  /** Ends open connections as well. Idempotent. */
  close(): Promise<void>;
}

const MAX_REQUEST_BYTES = 4 << 20;
/** More than any reader of these services takes. */
const OVERSIZED_BYTES = 8 << 20;
/** A `sockaddr_un` has room for 108, with the final zero. */
const MAX_SOCKET_PATH = 100;

/**
 * @param place - The path of a Unix socket, or `undefined` for a free port of 127.0.0.1.
 * @param identity - Makes it a TLS server.
 */
export async function startEmulatedServer(
  place: string | undefined,
  handle: (request: EmulatedRequest) => Promise<EmulatedAnswer | HttpFault>,
  identity?: EmulatedIdentity,
): Promise<EmulatedServer> {
  if (place !== undefined && Buffer.byteLength(place) > MAX_SOCKET_PATH) {
    throw new UsageError(
      'simulator.socket-path',
      `the path of a socket has at most ${MAX_SOCKET_PATH} bytes, found ${Buffer.byteLength(place)}: ${place}`,
    );
  }
  const listener = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    readRequest(incoming)
      .then(handle)
      .then(
        (answer) => respond(outgoing, answer),
        (cause: unknown) => respond(outgoing, failure(cause)),
      )
      .catch(() => outgoing.destroy());
  };
  const server =
    identity === undefined
      ? createServer(listener)
      : createTlsServer({ cert: identity.certificate, key: identity.key }, listener);
  // Those of a TLS server that have not finished their handshake are known to nobody else.
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    if (place === undefined) server.listen(0, '127.0.0.1', resolve);
    else server.listen(place, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

export function jsonAnswer(status: number, value: object): EmulatedAnswer {
  return { status, type: 'application/json', body: JSON.stringify(value) };
}

async function readRequest(incoming: IncomingMessage): Promise<EmulatedRequest> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > MAX_REQUEST_BYTES) throw new RangeError('request too long');
    chunks.push(chunk);
  }
  const url = new URL(incoming.url ?? '/', 'http://emulated.invalid');
  return {
    method: incoming.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    headers: incoming.headers,
    body: Uint8Array.from(Buffer.concat(chunks)),
  };
}

function respond(outgoing: ServerResponse, answer: EmulatedAnswer | HttpFault): void {
  switch (answer) {
    case 'silent':
      return;
    case 'busy':
      respond(outgoing, jsonAnswer(503, { error: 'overloaded' }));
      return;
    case 'oversized':
      respond(outgoing, { status: 200, type: 'application/json', body: new Uint8Array(OVERSIZED_BYTES) });
      return;
    case 'truncated':
      outgoing.writeHead(200, { 'Content-Length': '1000' });
      outgoing.write('{"quote":"00', () => outgoing.destroy());
      return;
    case 'redirect':
      outgoing.writeHead(307, { Location: '/elsewhere' });
      outgoing.end();
      return;
    case 'not-json':
      respond(outgoing, { status: 200, type: 'text/html', body: '<html>secret-canary</html>' });
      return;
    default: {
      const { status, type, body, headers } = answer;
      outgoing.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body), ...headers });
      outgoing.end(body);
    }
  }
}

function failure(cause: unknown): EmulatedAnswer {
  return jsonAnswer(400, { error: cause instanceof Error ? cause.message : 'failed' });
}
