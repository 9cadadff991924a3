/**
 * What every request has to satisfy before anything reads more of it: one unambiguous target on a known
 * host, from no foreign web page.
 *
 * Node's parser takes two Host headers, or an absolute address that names another host, without a word;
 * two programs on the way could then disagree about what was asked. Host and Origin lists also stop pages
 * that reach a local server by rebinding a name.
 *
 * @module
 */
import type { IncomingMessage } from 'node:http';
import type { Refusal } from './responses.ts';

/** Each at most once: two programs could choose differently. */
const SINGLE_HEADERS: readonly string[] = [
  'host',
  'origin',
  'authorization',
  'content-type',
  'content-length',
  'transfer-encoding',
  'mcp-session-id',
  'mcp-protocol-version',
  'mcp-method',
  'mcp-name',
];
const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'DELETE'];
const MAX_HEADERS = 64;
const LOOPBACK_NAMES: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

/** The `Host` values that are served, in lower case. */
export function allowedHosts(port: number, publicHosts: readonly string[]): ReadonlySet<string> {
  return new Set([
    ...LOOPBACK_NAMES.map((name) => `${name}:${port}`),
    ...publicHosts.map((host) => host.toLowerCase()),
  ]);
}

/** Why the request is refused; `undefined` when nothing speaks against it. */
export function requestRefusal(request: IncomingMessage, hosts: ReadonlySet<string>): Refusal | undefined {
  const counts = headerCounts(request.rawHeaders);
  if (request.rawHeaders.length / 2 > MAX_HEADERS) return malformed(`more than ${MAX_HEADERS} headers`, 431);
  const repeated = SINGLE_HEADERS.find((name) => (counts.get(name) ?? 0) > 1);
  if (repeated !== undefined) return malformed(`more than one ${repeated} header`);
  if (!METHODS.includes(request.method ?? '')) {
    return {
      status: 405,
      code: 'request.method',
      message: 'method not allowed',
      headers: { Allow: METHODS.join(', ') },
    };
  }
  // Origin form only (RFC 9112 section 3.2.1): a path, not an address with a host of its own.
  if (request.url?.startsWith('/') !== true || request.url.startsWith('//'))
    return malformed('the target must be a path');
  if (request.headers.upgrade !== undefined) return malformed('no protocol upgrade here');
  if (counts.has('content-encoding')) return malformed('encoded bodies are not accepted', 415);
  const host = request.headers.host?.toLowerCase();
  if (host === undefined) return malformed('a Host header is required');
  if (!hosts.has(host)) return { status: 403, code: 'request.host', message: 'this host name is not served here' };
  const { origin } = request.headers;
  if (origin !== undefined && !isOwnOrigin(origin, hosts)) {
    return { status: 403, code: 'request.origin', message: 'requests from this web origin are not accepted' };
  }
  return undefined;
}

function isOwnOrigin(origin: string, hosts: ReadonlySet<string>): boolean {
  return origin.startsWith('https://') && hosts.has(origin.slice('https://'.length).toLowerCase());
}

function headerCounts(rawHeaders: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

function malformed(message: string, status = 400): Refusal {
  return { status, code: 'request.malformed', message };
}
