/**
 * The standard request headers of the 2026-07-28 Streamable HTTP transport: present, and equal to the
 * body. The era itself and a protocol version that contradicts the body are judged by the SDK's classifier before.
 *
 * Intermediaries route and log by these headers, so a server must not act on a body that says something else.
 * Header values that are not plain ASCII are written `=?base64?…?=`.
 *
 * @module
 */
import type { JSONRPCRequest } from '@modelcontextprotocol/server';
import type { HeaderSource } from './endpoint.ts';
import type { RpcError } from './message.ts';

/** MCP 2026-07-28, HeaderMismatch; HTTP status 400. */
const HEADER_MISMATCH = -32020;

/** Which parameter the `Mcp-Name` header repeats. */
export const NAME_SOURCE: ReadonlyMap<string, string> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
]);

const MARKED = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/;

/** The error to answer with, or `undefined` if the headers fit the request. */
export function checkStandardHeaders(headers: HeaderSource, request: JSONRPCRequest): RpcError | undefined {
  if (headers.get('mcp-protocol-version') === null) return mismatch('the MCP-Protocol-Version header is missing');
  const method = headers.get('mcp-method');
  if (method === null) return mismatch('the Mcp-Method header is missing');
  if (method !== request.method) {
    return mismatch(`the Mcp-Method header names ${method}, the body ${request.method}`);
  }
  const source = NAME_SOURCE.get(request.method);
  if (source === undefined) return undefined;
  const expected = request.params?.[source];
  // A body without the parameter is the server's to refuse.
  if (typeof expected !== 'string') return undefined;
  const raw = headers.get('mcp-name');
  if (raw === null) return mismatch(`the Mcp-Name header is missing; params.${source} is ${JSON.stringify(expected)}`);
  const actual = decodeHeaderValue(raw);
  if (actual === undefined) return mismatch('the Mcp-Name header holds an invalid base64 value');
  if (actual === expected) return undefined;
  return mismatch(`the Mcp-Name header names ${JSON.stringify(actual)}, params.${source} ${JSON.stringify(expected)}`);
}

/** The text that a header value stands for; `undefined` if its base64 form is broken. */
export function decodeHeaderValue(value: string): string | undefined {
  if (!value.startsWith('=?base64?') || !value.endsWith('?=')) return value;
  const encoded = MARKED.exec(value)?.[1];
  if (encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.toString('base64') !== encoded) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function mismatch(detail: string): RpcError {
  return { code: HEADER_MISMATCH, message: `Bad Request: the headers and the body disagree: ${detail}` };
}
