/**
 * A 2025-11-25 stdio server whose list of tools has two pages and changes when the tool `change` is
 * called: `b` becomes another, and `c` appears. In plain JSON-RPC.
 *
 * @module
 */
import { createInterface } from 'node:readline';

const tool = (name, description) => ({ name, description, inputSchema: { type: 'object' }, 'x-unknown': 1 });
let isChanged = false;
const pages = () => [
  [tool('a', 'first'), tool('change', 'changes')],
  isChanged ? [tool('b', 'other'), tool('c', 'new')] : [tool('b', 'second')],
];

const methods = {
  initialize: () => ({
    protocolVersion: '2025-11-25',
    capabilities: { tools: { listChanged: true } },
    serverInfo: { name: 'changing-server', version: '1.0.0' },
  }),
  'tools/list': (params) => {
    const [first, second] = pages();
    if (process.argv.includes('--unreadable')) return { tools: [{ title: 'no name' }] };
    if (process.argv.includes('--twins')) return { tools: [...first, ...first] };
    return params?.cursor === 'more' ? { tools: second } : { tools: first, nextCursor: 'more' };
  },
  'tools/call': ({ name }) => {
    if (name === 'change') isChanged = true;
    return { content: [{ type: 'text', text: `called ${name}` }] };
  },
};

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  const handler = methods[method];
  const outcome =
    handler === undefined
      ? { error: { code: -32601, message: `Method not found: ${method}` } }
      : { result: handler(params) };
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...outcome })}\n`);
});
