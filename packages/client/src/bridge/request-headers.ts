/**
 * Headers of one POST, per era. A message that names its revision in its envelope gets the headers
 * that mirror it (MCP 2026-07-28, Streamable HTTP); others get those of their session (2025-11-25).
 *
 * A client on stdio knows nothing of headers, so the bridge has to make them from the message.
 *
 * @module
 */
import { envelopeVersion, isRecord, type Kind } from './message.ts';
import type { ToolHeaders } from './tool-headers.ts';

/** What the `initialize` exchange settled. */
export interface Session {
  readonly id: string | undefined;
  readonly version: string | undefined;
}

const NAME_SOURCE: ReadonlyMap<string, string> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
]);

/** Headers for `message`, besides the ones that every POST has. */
export function requestHeaders(message: Kind, session: Session, tools: ToolHeaders): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  };
  const called = message.kind === 'request' || message.kind === 'notification' ? message : undefined;
  const version = called === undefined ? undefined : envelopeVersion(called.params);
  if (called !== undefined && version !== undefined) {
    headers['mcp-protocol-version'] = headerValue(version);
    headers['mcp-method'] = headerValue(called.method);
    const source = NAME_SOURCE.get(called.method);
    const name = source === undefined ? undefined : called.params[source];
    if (typeof name === 'string') headers['mcp-name'] = headerValue(name);
    if (called.method === 'tools/call' && typeof name === 'string') {
      const { arguments: given } = called.params;
      for (const [header, value] of tools.valuesFor(name, isRecord(given) ? given : {})) {
        headers[header] = headerValue(value);
      }
    }
    return headers;
  }
  return message.kind === 'request' && message.method === 'initialize'
    ? headers
    : { ...headers, ...sessionHeaders(session) };
}

/** Headers that tie a request to the session. */
export function sessionHeaders({ id, version }: Session): Record<string, string> {
  return {
    ...(id === undefined ? {} : { 'mcp-session-id': id }),
    ...(version === undefined ? {} : { 'mcp-protocol-version': version }),
  };
}

/**
 * `text` as a header value: as it is when it is plain visible ASCII without outer blanks, otherwise
 * marked base64. What looks like the marker is marked too, so that decoding is unambiguous.
 */
export function headerValue(text: string): string {
  const plain = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text) && !/^=\?base64\?.*\?=$/i.test(text);
  return plain ? text : `=?base64?${Buffer.from(text, 'utf8').toString('base64')}?=`;
}
