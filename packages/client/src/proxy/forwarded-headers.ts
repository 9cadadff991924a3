/**
 * Which headers the local proxy passes on. What is not named here stays: the local token never goes
 * to the server, and nothing of one connection is told on the other.
 *
 * @module
 */
import type { IncomingHttpHeaders } from 'node:http';

const UPSTREAM: readonly string[] = ['accept', 'content-type', 'last-event-id'];
const DOWNSTREAM: readonly string[] = ['allow', 'cache-control', 'content-type', 'retry-after', 'x-accel-buffering'];
const MCP = /^mcp-[a-z0-9!#$%&'*+.^_`|~-]+$/;

/** Headers of a local request for the server. */
export function upstreamHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  return pick(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
    UPSTREAM,
  );
}

/** Headers of the server's answer for the local client. */
export function downstreamHeaders(headers: Headers): Record<string, string> {
  return pick([...headers], DOWNSTREAM);
}

/** Headers by which a browser lets the page `origin` read the answer. */
export function originHeaders(origin: string | undefined): Record<string, string> {
  return origin === undefined
    ? {}
    : {
        'access-control-allow-origin': origin,
        'access-control-expose-headers': 'mcp-session-id, mcp-protocol-version, retry-after, www-authenticate',
        vary: 'origin',
      };
}

/** Headers that answer a browser's question before the real request. */
export function preflightHeaders(origin: string, wanted: string | undefined): Record<string, string> {
  const allowed = (wanted ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name === 'authorization' || isAllowed(name, UPSTREAM));
  return {
    ...originHeaders(origin),
    'access-control-allow-methods': 'POST, GET, DELETE',
    'access-control-allow-headers': allowed.join(', '),
    'access-control-allow-private-network': 'true',
    'access-control-max-age': '600',
  };
}

function pick(
  headers: readonly (readonly [string, string | undefined])[],
  allowed: readonly string[],
): Record<string, string> {
  return Object.fromEntries(
    headers.flatMap(([name, value]) => (value !== undefined && isAllowed(name, allowed) ? [[name, value]] : [])),
  );
}

function isAllowed(name: string, allowed: readonly string[]): boolean {
  return allowed.includes(name) || MCP.test(name);
}
