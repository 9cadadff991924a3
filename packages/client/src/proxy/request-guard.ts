/**
 * Who may use the local proxy. A web page can make a browser send requests to this machine, under a
 * name of its own that it lets point here (DNS rebinding); other users of this machine can connect
 * too. So a request needs the right Host, no Origin but an allowed one, and the token.
 *
 * @module
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { authority, type ListenAddress } from './listen-address.ts';

export const PROXY_PATH = '/mcp';

/** Why a request goes no further. */
export interface Denial {
  readonly status: number;
  /** Id of the check, such as `proxy.token`. */
  readonly check: string;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What is to be done with a request. `origin` is the allowed one that it came from, if it came from a page. */
type Admission =
  | { readonly kind: 'denied'; readonly denial: Denial; readonly origin: string | undefined }
  | { readonly kind: 'preflight'; readonly origin: string }
  | { readonly kind: 'admitted'; readonly origin: string | undefined };

export interface GuardOptions {
  /** Where the proxy really listens. */
  readonly address: ListenAddress;
  readonly token: string;
  /** Origins of pages that may use the proxy, as browsers write them. */
  readonly allowOrigins: readonly string[];
}

const METHODS: readonly string[] = ['POST', 'GET', 'DELETE'];
/** Of these a request has one at most: with two, the one that was checked need not be the one that counts. */
const SINGLE: readonly string[] = [
  'host',
  'origin',
  'authorization',
  'content-length',
  'content-type',
  'mcp-session-id',
];

export type RequestGuard = (request: IncomingMessage) => Admission;

export function createRequestGuard({ address, token, allowOrigins }: GuardOptions): RequestGuard {
  const hosts = [authority(address), `localhost:${address.port}`];
  const wanted = digest(`Bearer ${token}`);

  return (request) => {
    const { method = '', url, headers } = request;
    const denied = (status: number, check: string, message: string, extra?: Denial['headers']): Admission => ({
      kind: 'denied',
      denial: { status, check: `proxy.${check}`, message, ...(extra === undefined ? {} : { headers: extra }) },
      origin: allowed,
    });
    let allowed: string | undefined;
    const repeated = SINGLE.find((name) => countOf(request, name) > 1);
    if (repeated !== undefined) return denied(400, 'headers', `the header ${repeated} is there more than once`);
    if (!hosts.includes((headers.host ?? '').toLowerCase())) {
      return denied(403, 'host', `the Host header has to be ${hosts.join(' or ')}`);
    }
    const { origin } = headers;
    if (origin !== undefined && !allowOrigins.includes(origin)) {
      return denied(403, 'origin', 'requests of this page are not allowed; --allow-origin allows them');
    }
    allowed = origin;
    if (url !== PROXY_PATH) return denied(404, 'path', `there is nothing here but ${PROXY_PATH}`);
    if (method === 'OPTIONS' && origin !== undefined && headers['access-control-request-method'] !== undefined) {
      return { kind: 'preflight', origin };
    }
    if (!timingSafeEqual(digest(headers.authorization ?? ''), wanted)) {
      return denied(401, 'token', 'the token that the proxy printed at its start is needed', {
        'www-authenticate': 'Bearer realm="vitrine proxy"',
      });
    }
    if (!METHODS.includes(method)) {
      return denied(405, 'method', `expected ${METHODS.join(', ')}`, { allow: METHODS.join(', ') });
    }
    const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
    if (method !== 'POST') {
      return hasBody ? denied(400, 'body', `${method} has no body`) : { kind: 'admitted', origin };
    }
    if (headers['content-encoding'] !== undefined) return denied(415, 'encoding', 'the body has to be uncompressed');
    return /^application\/json\s*(?:;|$)/i.test(headers['content-type'] ?? '')
      ? { kind: 'admitted', origin }
      : denied(415, 'type', 'the body has to be application/json');
  };
}

function countOf({ rawHeaders }: IncomingMessage, name: string): number {
  return rawHeaders.filter((text, index) => index % 2 === 0 && text.toLowerCase() === name).length;
}

/** Digests have one length, so that comparing them says nothing about the token's. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
