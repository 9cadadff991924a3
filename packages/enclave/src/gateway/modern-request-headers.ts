/**
 * The headers that repeat parts of a 2026-07-28 request, as a client of a Streamable HTTP server has to
 * write them.
 *
 * Specification: MCP 2026-07-28, Streamable HTTP, "Standard Request Headers" and "Custom Headers from
 * Tool Parameters".
 *
 * @module
 */
import { type JSONRPCRequest, PROTOCOL_VERSION_META_KEY } from '@modelcontextprotocol/server';
import { isObject } from './message.ts';
import { metaOf } from './meta-keys.ts';
import { NAME_SOURCE } from './modern-headers.ts';

/** One argument of a tool that a header repeats. */
export interface HeaderParameter {
  /** Names of properties, from the arguments downwards. */
  readonly path: readonly string[];
  /** What follows `Mcp-Param-`. */
  readonly header: string;
}

/** An input schema is foreign: deeper ones than this are not looked into. */
const MAX_DEPTH = 16;
const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/;

/** The revision that a request names in its envelope; `undefined` for one of the era before. */
export function revisionOf(request: JSONRPCRequest): string | undefined {
  const revision = metaOf(request.params)[PROTOCOL_VERSION_META_KEY];
  return typeof revision === 'string' ? revision : undefined;
}

/** The standard headers of a request that names its revision. */
export function standardHeaders(request: JSONRPCRequest, revision: string): Readonly<Record<string, string>> {
  const source = NAME_SOURCE.get(request.method);
  const name = source === undefined ? undefined : request.params?.[source];
  return {
    'MCP-Protocol-Version': revision,
    'Mcp-Method': encodeHeaderValue(request.method),
    ...(typeof name === 'string' ? { 'Mcp-Name': encodeHeaderValue(name) } : {}),
  };
}

/** The headers that repeat arguments of a tool call. Absent and null arguments have none. */
export function parameterHeaders(
  parameters: readonly HeaderParameter[],
  toolArguments: unknown,
): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const { path, header } of parameters) {
    let value = toolArguments;
    for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
    if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number') {
      headers[`Mcp-Param-${header}`] = encodeHeaderValue(String(value));
    }
  }
  return headers;
}

/** Which arguments a tool's input schema wants repeated. What the annotation allows is the two ends' to check. */
export function headerParameters(inputSchema: unknown): readonly HeaderParameter[] {
  const found: HeaderParameter[] = [];
  const walk = (schema: unknown, path: readonly string[]): void => {
    if (!isObject(schema) || path.length > MAX_DEPTH) return;
    const header = schema['x-mcp-header'];
    if (path.length > 0 && typeof header === 'string' && TOKEN.test(header)) found.push({ path, header });
    const { properties } = schema;
    if (isObject(properties)) for (const [name, inner] of Object.entries(properties)) walk(inner, [...path, name]);
  };
  walk(inputSchema, []);
  return found;
}

/** Text as a header value: itself where it is visible ASCII without outer blanks, else marked base64. */
function encodeHeaderValue(text: string): string {
  const plain =
    /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text) && !(text.startsWith('=?base64?') && text.endsWith('?='));
  return plain ? text : `=?base64?${Buffer.from(text).toString('base64')}?=`;
}
