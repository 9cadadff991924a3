/**
 * A Streamable HTTP server on 127.0.0.1, made with the SDK. Arguments: the port, then `legacy` (2025-11-25
 * with sessions) or `modern` (2026-07-28 alone), then how it misbehaves: `--deaf` (never listens),
 * `--huge` (its tool `echo` answers with much).
 *
 * @module
 */
import { createServer } from 'node:http';
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, fromJsonSchema, McpServer } from '@modelcontextprotocol/server';

const [port, era, ...flags] = process.argv.slice(2);
const text = (value) => ({ content: [{ type: 'text', text: JSON.stringify(value) }] });
const city = (header) => ({
  type: 'object',
  properties: { city: { type: 'string', ...(header ? { 'x-mcp-header': 'City' } : {}) } },
  required: ['city'],
});

function makeServer() {
  const server = new McpServer(
    { name: 'http-test-server', version: '1.0.0' },
    { capabilities: { tools: { listChanged: true }, logging: {} } },
  );
  server.registerTool('echo', { description: 'pid and meta' }, (ctx) =>
    text(flags.includes('--huge') ? 'x'.repeat(1 << 20) : { pid: process.pid, meta: ctx.mcpReq._meta ?? null }),
  );
  server.registerTool(
    'weather',
    { description: 'an argument that a header repeats', inputSchema: fromJsonSchema(city(true)) },
    ({ city: asked }) => text(asked),
  );
  server.registerTool('progress', { description: 'three notes' }, async (ctx) => {
    const progressToken = ctx.mcpReq._meta?.progressToken;
    for (const progress of [1, 2, 3]) {
      await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 3 } });
    }
    return text('done');
  });
  server.registerTool('change', { description: 'announces a change' }, () => {
    server.sendToolListChanged();
    return text('changed');
  });
  server.registerTool('ask', { description: 'asks the client' }, async (ctx) => {
    const requestedSchema = { type: 'object', properties: { name: { type: 'string' } } };
    return text(await ctx.mcpReq.elicitInput({ mode: 'form', message: 'Who?', requestedSchema }));
  });
  server.registerTool('hang', { description: 'until cancelled' }, async (ctx) => {
    process.stderr.write('hangs\n');
    await new Promise((resolve) => ctx.mcpReq.signal.addEventListener('abort', resolve));
    process.stderr.write('cancelled a request\n');
    return text('cancelled');
  });
  return server;
}

/** One session, which is all that the gateway opens. */
function legacyHandler() {
  let transport;
  return async (request, response) => {
    process.stderr.write(
      `${request.method} ${request.headers['mcp-session-id'] === undefined ? 'without' : 'with'} session\n`,
    );
    if (transport === undefined) {
      transport = new NodeStreamableHTTPServerTransport({ sessionIdGenerator: () => 'the-only-one' });
      await makeServer().connect(transport);
    }
    await transport.handleRequest(request, response);
  };
}

const handler =
  era === 'legacy' ? legacyHandler() : toNodeHandler(createMcpHandler(() => makeServer(), { legacy: 'reject' }));
const server = createServer((request, response) => {
  if (request.url === '/mcp') void handler(request, response);
  else response.writeHead(404).end();
});
process.stdout.write('a line on standard output\n');
if (flags.includes('--deaf')) setInterval(() => undefined, 60_000);
else server.listen(Number(port), '127.0.0.1');
