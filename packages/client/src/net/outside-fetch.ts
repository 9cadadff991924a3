/**
 * `fetch` for everything that is not the attested server: authorization servers and the vendors'
 * endorsement services. It has connections of its own, so nothing that is meant for the attested
 * server can leave through it, and nothing that it learns reaches that server.
 *
 * Here certificate authorities decide, as in a browser. No redirect is followed; time and size are
 * bounded; only https, and plain http on this machine where the caller allows it for development.
 *
 * @module
 */
import { isIP } from 'node:net';
import { getCACertificates } from 'node:tls';
import { VitrineError } from '@vitrine/documents';
import { Agent, buildConnector, fetch as undiciFetch } from 'undici';
import { RefusedError, UnreachableError } from '../errors.ts';
import { isLoopback } from '../server-url.ts';
import { forbiddenAddress, guardedLookup, isAllowedAddress } from './address-guard.ts';
import { boundedResponse } from './bounded-response.ts';
import type { ProxyFor } from './proxy-environment.ts';
import { openTunnel } from './tunnel.ts';

/** The shape of `fetch` that the bridge uses. */
export type FetchLike = (url: string, init?: RequestInit) => Promise<Response>;

export interface OutsideFetchOptions {
  readonly proxyFor: ProxyFor;
  /** Certificate authorities in PEM that count besides the system's. For authorization servers only. */
  readonly extraCa?: string;
  /** Whether this machine may be spoken to, also over plain http. For servers that run on it. */
  readonly allowLoopback: boolean;
  /** For one request with its answer, in milliseconds. */
  readonly timeLimitMs: number;
  readonly maxBytes: number;
}

export interface OutsideFetch {
  /** Answers have their body in memory. Redirects, and URLs that are not allowed, are refused. */
  readonly fetch: FetchLike;
  /** Ends every connection at once. */
  close(): Promise<void>;
}

/** Makes a `fetch` for the outside. */
export function outsideFetch(options: OutsideFetchOptions): OutsideFetch {
  const dispatcher = new Agent({ connect: connector(options), allowH2: false });
  return {
    async fetch(target, init = {}) {
      const url = checkUrl(target, options.allowLoopback);
      const limit = AbortSignal.timeout(options.timeLimitMs);
      const given = init.signal ?? undefined;
      const signal = given === undefined ? limit : AbortSignal.any([limit, given]);
      try {
        const response = await undiciFetch(url, {
          method: init.method ?? 'GET',
          headers: Object.fromEntries(new Headers(init.headers)),
          ...(init.body === undefined || init.body === null ? {} : { body: bodyText(init.body) }),
          redirect: 'manual',
          signal,
          dispatcher,
        });
        if (response.status >= 300 && response.status < 400 && response.status !== 304) {
          await response.body?.cancel();
          throw new RefusedError('network.redirect', `${url.host} answered with a redirect, which is not followed`);
        }
        // The two fetches share the standard's types but not their declarations.
        return await boundedResponse(response as unknown as Response, options.maxBytes, url.host);
      } catch (error) {
        given?.throwIfAborted();
        throw outsideError(url, error, limit.aborted);
      }
    },
    close: () => dispatcher.destroy(),
  };
}

function checkUrl(target: string, allowLoopback: boolean): URL {
  if (!URL.canParse(target)) throw new RefusedError('network.url', 'a URL that was named is none');
  const url = new URL(target);
  if (url.username !== '' || url.password !== '') {
    throw new RefusedError('network.url', `the URL of ${url.host} carries a user name or password; nothing was sent`);
  }
  const local = isLoopback(url.href);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && local && allowLoopback)) {
    throw new RefusedError('network.url', `${url.protocol}//${url.host} is not https; nothing was sent`);
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if ((local && !allowLoopback) || (isIP(host) !== 0 && !isAllowedAddress(host, allowLoopback))) {
    throw forbiddenAddress(url.host);
  }
  return url;
}

function connector({ proxyFor, extraCa, allowLoopback, timeLimitMs }: OutsideFetchOptions): buildConnector.connector {
  const secure = buildConnector({
    allowH2: false,
    // Said, since NODE_TLS_REJECT_UNAUTHORIZED decides where it is not.
    rejectUnauthorized: true,
    ...(extraCa === undefined ? {} : { ca: [...getCACertificates('default'), extraCa] }),
  });
  const lookup = guardedLookup(allowLoopback);
  return (options, callback) => {
    const url = new URL(`${options.protocol}//${options.host ?? options.hostname}`);
    if (url.port === '' && options.port !== '') url.port = options.port;
    openTunnel(url, { proxyFor, lookup, signal: AbortSignal.timeout(timeLimitMs) }).then(
      (httpSocket) =>
        options.protocol === 'https:' ? secure({ ...options, httpSocket }, callback) : callback(null, httpSocket),
      (error: unknown) => callback(error instanceof Error ? error : new Error('no connection'), null),
    );
  };
}

function bodyText(body: NonNullable<RequestInit['body']>): string {
  if (typeof body === 'string' || body instanceof URLSearchParams) return String(body);
  throw new RefusedError('network.body', 'only text is sent to other servers');
}

function outsideError(url: URL, error: unknown, late: boolean): Error {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    if (cause instanceof VitrineError) return cause;
  }
  if (late) return new UnreachableError('network', `${url.host} did not answer within the time limit`);
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const { code } = inner as NodeJS.ErrnoException;
  const why = code ?? (inner instanceof Error ? inner.message : 'unknown reason');
  const authority = /^(?:SELF_SIGNED|UNABLE_TO|DEPTH_ZERO|CERT_)/.test(why)
    ? '; if a proxy of your organisation reads this connection, give its certificate authority'
    : '';
  return new UnreachableError('network', `cannot reach ${url.host}: ${why}${authority}`);
}
