/**
 * The server in the image: a whole MCP server without dependencies, 2025-11-25 over stdio. Its one tool greets,
 * and says what it sees of the file system.
 */
import { readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';

const tools = [
  {
    name: 'greet',
    description: 'Greets, and lists the root of the file system',
    inputSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
  },
];

function answer(method, params) {
  if (method === 'initialize') {
    const serverInfo = { name: 'container-example', version: '1.0.0' };
    return { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo };
  }
  if (method === 'tools/list') return { tools };
  if (method === 'ping') return {};
  if (method !== 'tools/call') return undefined;
  const greeting = `${process.env.GREETING}, ${params.arguments.name}! I see ${readdirSync('/').join(' ')}`;
  return { content: [{ type: 'text', text: greeting }] };
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  const result = answer(method, params);
  const error = { code: -32601, message: `Method not found: ${method}` };
  process.stdout.write(
    `${JSON.stringify({ jsonrpc: '2.0', id, ...(result === undefined ? { error } : { result }) })}\n`,
  );
});
