/**
 * A small MCP server over HTTP for tests of what travels over the channel: both eras, one tool, and
 * a record of the requests.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

interface Message {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: { readonly name?: string; readonly arguments?: { readonly text?: string } };
}

export const SESSION = 'session-1';

/** Answers `initialize`, `ping`, `tools/list` and the tool `echo` as JSON; 202 for what has no id. */
export function serveMcp(request: IncomingMessage, response: ServerResponse, body: string): void {
  if (request.method !== 'POST') {
    response.writeHead(request.method === 'DELETE' ? 200 : 405).end();
    return;
  }
  const { id, method, params } = JSON.parse(body) as Message;
  if (id === undefined || method === undefined) {
    response.writeHead(202).end();
    return;
  }
  const answer = JSON.stringify({ jsonrpc: '2.0', id, result: resultOf(method, params) });
  const session = method === 'initialize' ? { 'mcp-session-id': SESSION } : {};
  response.writeHead(200, { 'content-type': 'application/json', ...session }).end(answer);
}

function resultOf(method: string, params: Message['params']): unknown {
  switch (method) {
    case 'initialize':
      return { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'test', version: '1' } };
    case 'tools/list':
      return { tools: [{ name: 'echo', inputSchema: { type: 'object', properties: { text: { type: 'string' } } } }] };
    case 'tools/call':
      return { content: [{ type: 'text', text: params?.arguments?.text ?? '' }] };
    default:
      return {};
  }
}
