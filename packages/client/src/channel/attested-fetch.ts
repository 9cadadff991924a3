/**
 * `fetch` for one origin, over attested connections only: no request byte leaves before the
 * connection that carries it has been judged. Other origins and redirects are refused, so whatever
 * a server says, nothing follows it elsewhere.
 *
 * @module
 */
import type { TLSSocket } from 'node:tls';
import { RefusedError, UnreachableError } from '../errors.ts';
import { normaliseUrl } from '../server-url.ts';
import { type AttestOptions, type Judge, openAttestedSocket } from './attested-socket.ts';
import { exchange } from './exchange.ts';
import { createLanes, type LaneOptions, laneOf } from './lanes.ts';

/** No connection lives longer, whatever it carries. Long before that it takes no new request. */
const MAX_LIFETIME_MS = 12 * 60 * 60_000;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

export interface AttestedFetch {
  /**
   * As the platform's `fetch`, for bodies that are complete. A refusal surfaces as the error that
   * `judge` or the channel threw, a broken connection as `ConnectionBrokenError`.
   */
  readonly fetch: (url: string | URL, init?: RequestInit) => Promise<Response>;
  /** Opens and judges a first connection, which the first request will use. */
  prepare(): Promise<void>;
  /** Ends every connection at once. */
  close(): Promise<void>;
}

/**
 * Makes a `fetch` for the origin of `url`.
 *
 * @param url - Address of the server; anything but https is refused before anything is opened.
 * @param judge - Called once for each new connection.
 */
export function attestedFetch(
  url: string,
  judge: Judge<unknown>,
  options: AttestOptions & { readonly lanes?: LaneOptions },
): AttestedFetch {
  const server = new URL(normaliseUrl(url));
  const closing = new AbortController();
  const signal = options.signal === undefined ? closing.signal : AbortSignal.any([closing.signal, options.signal]);
  let spare: Spare | undefined;

  const open = async (): Promise<TLSSocket> => {
    const { socket } = await openAttestedSocket(server, judge, { ...options, signal });
    const end = setTimeout(() => socket.destroy(), MAX_LIFETIME_MS).unref();
    socket.once('close', () => clearTimeout(end)).setKeepAlive(true, 30_000);
    return socket;
  };
  const take = async (): Promise<TLSSocket> => {
    const kept = spare?.take();
    spare = undefined;
    return kept ?? open();
  };
  const lanes = createLanes(
    server.origin,
    (_target, callback) => {
      take().then(
        (socket) => callback(null, socket),
        (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), null),
      );
    },
    options.lanes,
  );

  return {
    async fetch(target, init = {}) {
      const { origin, pathname, search } = new URL(target);
      if (origin !== server.origin) {
        throw new RefusedError(
          'channel.origin',
          `${origin} is not the attested server ${server.origin}; nothing was sent`,
        );
      }
      const method = init.method ?? 'GET';
      const { body, type } = await completeBody(init.body);
      const headers = { 'accept-encoding': 'identity', ...type, ...Object.fromEntries(new Headers(init.headers)) };
      const lane = laneOf(method, body);
      const response = await exchange((request, handler) => lanes.dispatch(lane, request, handler), {
        origin,
        path: `${pathname}${search}`,
        method,
        headers,
        body,
        signal: init.signal ?? undefined,
      });
      if (REDIRECTS.includes(response.status)) {
        await response.body?.cancel();
        throw new RefusedError('channel.redirect', `${server.host} answered with a redirect, which is not followed`);
      }
      return response;
    },
    async prepare() {
      spare ??= keepSpare(await open());
    },
    async close() {
      closing.abort(new UnreachableError('closed', 'the connection was closed'));
      spare?.destroy();
      await lanes.destroy();
    },
  };
}

interface Spare {
  /** The socket, unless the server has closed it or said something unasked. */
  take(): TLSSocket | undefined;
  destroy(): void;
}

/** Watches an attested socket that nobody uses yet. */
function keepSpare(socket: TLSSocket): Spare {
  const drop = (): void => {
    socket.destroy();
  };
  socket.on('data', drop).on('end', drop).on('error', drop).resume();
  return {
    take() {
      if (socket.destroyed) return undefined;
      socket.off('data', drop).off('end', drop).off('error', drop).pause();
      return socket;
    },
    destroy: drop,
  };
}

/** A body that can be sent in one piece, and the type that the standard gives it. */
async function completeBody(body: RequestInit['body']): Promise<{
  readonly body: string | Uint8Array | null;
  readonly type: Readonly<Record<string, string>>;
}> {
  if (body === undefined || body === null || body instanceof Uint8Array) return { body: body ?? null, type: {} };
  if (typeof body === 'string') return { body, type: { 'content-type': 'text/plain;charset=UTF-8' } };
  const given = new Response(body);
  const type = given.headers.get('content-type');
  return { body: new Uint8Array(await given.arrayBuffer()), type: type === null ? {} : { 'content-type': type } };
}
