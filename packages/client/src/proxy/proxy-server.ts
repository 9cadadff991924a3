/**
 * The local proxy: the attested channel as a Streamable HTTP endpoint on this machine, for programs
 * that only speak HTTP. Messages pass as they are, answers as they come.
 *
 * The token protects against other users of this machine and against web pages, not against programs
 * of the same user, who could read this process anyway.
 *
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { UsageError } from '@vitrine/documents';
import { withRetries } from '../bridge/retry.ts';
import { failureError, type RpcError, refusalError } from '../bridge/rpc-error.ts';
import { describeRefusal, isFinal, type Refusal } from '../errors.ts';
import type { FetchLike } from '../net/outside-fetch.ts';
import { createClientFetches } from './client-fetches.ts';
import { downstreamHeaders, originHeaders, preflightHeaders, upstreamHeaders } from './forwarded-headers.ts';
import { authority, type ListenAddress } from './listen-address.ts';
import { readBody } from './request-body.ts';
import { createRequestGuard, type Denial, PROXY_PATH, type RequestGuard } from './request-guard.ts';

/** The local endpoint did not take the request; `data` is `{ check }`. */
export const LOCAL_DENIAL_CODE = 49103;

const MAX_BODY_BYTES = 64 * 1024 * 1024;
const MAX_HEADER_BYTES = 64 * 1024;
/** How long answers under way are waited for when the proxy ends. */
const GRACE_MS = 1_500;

/** What the proxy relays over. */
interface ProxyChannel {
  /** A `fetch` for one MCP client. */
  client(): FetchLike;
  prepare(): Promise<void>;
  close(): Promise<void>;
}

export interface ProxyOptions {
  /** The attested server. */
  readonly url: string;
  readonly listen: ListenAddress;
  readonly token: string;
  readonly allowOrigins: readonly string[];
  readonly channel: ProxyChannel;
  /** Told each refusal of the server. */
  readonly onRefusal: (refusal: Refusal) => void;
  readonly maxBodyBytes?: number;
}

export interface LocalProxy {
  /** Of the local endpoint. */
  readonly url: string;
  /** Why the server is used no more, if so. */
  readonly refused: () => Refusal | undefined;
  close(): Promise<void>;
}

/**
 * Starts to listen, and judges the server before anything is relayed: until then requests wait.
 *
 * @throws UsageError where the address is taken; what the judge throws when the server is refused.
 */
export async function startProxy(options: ProxyOptions): Promise<LocalProxy> {
  const { channel, listen } = options;
  let final: Refusal | undefined;
  const judged = Promise.withResolvers<void>();
  judged.promise.catch(() => {});
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES });
  const address = { ...listen, port: await listenOn(server, listen) };
  const guard = createRequestGuard({ address, token: options.token, allowOrigins: options.allowOrigins });
  const clients = createClientFetches(() => withRetries(channel.client(), { repeatable: () => false }));
  const relay = createForwarder({
    ...options,
    guard,
    clients,
    ready: () => judged.promise,
    refused: () => final,
    refuse(refusal) {
      if (isFinal(refusal)) final ??= refusal;
      options.onRefusal(refusal);
    },
  });
  const handle = (request: IncomingMessage, response: ServerResponse): void => void relay(request, response);
  server.on('request', handle).on('checkContinue', handle);

  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    const limit = setTimeout(() => server.closeAllConnections(), GRACE_MS);
    await closed;
    clearTimeout(limit);
    await channel.close();
  };
  try {
    await channel.prepare();
    judged.resolve();
  } catch (error) {
    judged.reject(error);
    server.closeAllConnections();
    await close();
    throw error;
  }
  return { url: `http://${authority(address)}${PROXY_PATH}`, refused: () => final, close };
}

function listenOn(server: Server, { host, port }: ListenAddress): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(
        new UsageError(
          'proxy.address',
          `cannot listen on ${authority({ host, port })}: ${cause.code ?? cause.message}`,
          {
            cause,
          },
        ),
      );
    });
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}

interface ForwarderOptions extends ProxyOptions {
  readonly guard: RequestGuard;
  readonly clients: ReturnType<typeof createClientFetches>;
  readonly ready: () => Promise<void>;
  readonly refused: () => Refusal | undefined;
  readonly refuse: (refusal: Refusal) => void;
}

function createForwarder(
  options: ForwarderOptions,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { url, guard, clients, ready, refused, refuse, maxBodyBytes = MAX_BODY_BYTES } = options;

  async function forward(request: IncomingMessage, response: ServerResponse, body: string | undefined): Promise<void> {
    const left = new AbortController();
    response.once('close', () => left.abort(new Error('the client left')));
    const final = refused();
    if (final !== undefined) return end(response, 403, refusalError(final), idIn(body));
    const session = single(request.headers['mcp-session-id']);
    try {
      await ready();
      const fetch = clients.for(session);
      const { method = 'GET' } = request;
      const answer = await fetch(url, {
        method,
        headers: upstreamHeaders(request.headers),
        signal: left.signal,
        ...(body === undefined ? {} : { body }),
      });
      const opened = answer.headers.get('mcp-session-id');
      if (opened !== null && opened !== session) clients.opened(opened, fetch);
      if (session !== undefined && (method === 'DELETE' || answer.status === 404)) clients.closed(session);
      await pass(answer, response, body);
    } catch (error) {
      if (left.signal.aborted) return void response.destroy();
      const refusal = describeRefusal(error);
      if (refusal !== undefined) refuse(refusal);
      if (response.headersSent) return void response.destroy();
      end(response, statusOf(refusal), failureError(error), idIn(body));
    }
  }

  return async (request, response) => {
    const admission = guard(request);
    response.on('error', () => {});
    for (const [name, value] of Object.entries(originHeaders(admission.origin))) response.setHeader(name, value);
    if (admission.kind === 'denied') return deny(response, admission.denial);
    if (admission.kind === 'preflight') {
      const wanted = single(request.headers['access-control-request-headers']);
      return void response.writeHead(204, preflightHeaders(admission.origin, wanted)).end();
    }
    if (request.method !== 'POST') return forward(request, response, undefined);
    if (request.headers.expect !== undefined) response.writeContinue();
    const body = await readBody(request, maxBodyBytes).catch(() => undefined);
    if (body === undefined) return void response.destroy();
    return typeof body === 'string' ? forward(request, response, body) : deny(response, body);
  };
}

/** Hands the answer on at the pace of the client. One that breaks off breaks off here too. */
async function pass(answer: Response, response: ServerResponse, body: string | undefined): Promise<void> {
  if (answer.status === 401) {
    await answer.body?.cancel();
    // Handed on as it is, it would read as if the local token were wrong.
    const error = {
      code: LOCAL_DENIAL_CODE,
      message: 'the server wants you to sign in',
      data: { check: 'proxy.sign-in' },
    };
    return end(response, 502, error, idIn(body));
  }
  response.writeHead(answer.status, downstreamHeaders(answer.headers));
  if (answer.body === null) return void response.end();
  response.flushHeaders();
  await pipeline(answer.body, response);
}

function statusOf(refusal: Refusal | undefined): number {
  if (refusal === undefined) return 502;
  return refusal.exitCode === 3 ? 503 : 403;
}

function deny(response: ServerResponse, { status, check, message, headers }: Denial): void {
  // The rest of the request, if there is one, is not read.
  response.setHeader('connection', 'close');
  for (const [name, value] of Object.entries(headers ?? {})) response.setHeader(name, value);
  end(response, status, { code: LOCAL_DENIAL_CODE, message: `vitrine proxy: ${message}`, data: { check } }, null);
}

function end(response: ServerResponse, status: number, error: RpcError, id: string | number | null): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, error }));
}

/** The id of the request in `body`, for an error that answers it. */
function idIn(body: string | undefined): string | number | null {
  try {
    const { id } = JSON.parse(body ?? '{}') as { readonly id?: unknown };
    return typeof id === 'string' || typeof id === 'number' ? id : null;
  } catch {
    return null;
  }
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}
