/**
 * Which headers of a request or an answer go on, and which speak of one connection only.
 *
 * Specification: RFC 9110, section 7.6.1.
 *
 * @module
 */

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Whether a header, in lower case, speaks of the connection or of the body's place on it. */
export function isConnectionHeader(name: string): boolean {
  return HOP_BY_HOP.has(name) || name === 'host' || name === 'content-length' || name === 'expect';
}

/** Without the headers that speak of one connection; repeated ones stay repeated. Names in lower case. */
export function endToEnd(rawHeaders: readonly string[]): Record<string, string[]> {
  const pairs = rawHeaders.flatMap((name, at): (readonly [string, string])[] =>
    at % 2 === 0 ? [[name.toLowerCase(), rawHeaders[at + 1] ?? '']] : [],
  );
  const dropped = new Set(HOP_BY_HOP);
  for (const [name, value] of pairs) {
    if (name === 'connection') for (const listed of value.split(',')) dropped.add(listed.trim().toLowerCase());
  }
  const headers = new Map<string, string[]>();
  for (const [name, value] of pairs) {
    if (!dropped.has(name)) headers.set(name, [...(headers.get(name) ?? []), value]);
  }
  return Object.fromEntries(headers);
}
