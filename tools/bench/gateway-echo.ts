/**
 * A program: an MCP server with the tool `echo` made with the SDK, for both eras. With the argument
 * `stdio` it speaks that; with `http` or `https` it listens on a free port of 127.0.0.1 with nothing in
 * front, with `serve` through Vitrine in the same process; then it prints its address as a line, and ends
 * with its standard input.
 *
 * @module
 */
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMcpHandler, fromJsonSchema, McpServer } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';

const inputSchema = fromJsonSchema<{ readonly m: string }>({
  type: 'object',
  properties: { m: { type: 'string' } },
  required: ['m'],
});

function echo(): McpServer {
  const server = new McpServer({ name: 'echo', version: '1.0.0' });
  server.registerTool('echo', { description: 'Returns m', inputSchema }, ({ m }) => ({
    content: [{ type: 'text', text: m }],
  }));
  return server;
}

const [, , how] = process.argv;
if (how === 'stdio') serveStdio(echo);
else if (how === 'serve') await serveAttested();
else {
  // Loaded only where needed, so that what stands behind the bridges is as small as it is in real life.
  const { toNodeHandler } = await import('@modelcontextprotocol/node');
  const handler = toNodeHandler(createMcpHandler(echo));
  type Handled = Parameters<typeof handler>;
  const server = await serverFor(how, (request, response) => {
    void handler(request as Handled[0], response as unknown as Handled[1]);
  });
  server.keepAliveTimeout = 600_000;
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo;
    process.stdout.write(`${how}://127.0.0.1:${port}/mcp\n`);
  });
  process.stdin.once('end', () => process.exit()).resume();
}

async function serverFor(protocol: string | undefined, listener: RequestListener): Promise<Server> {
  if (protocol !== 'https') return (await import('node:http')).createServer(listener);
  const { createInstanceIdentity } = await import('@vitrine/attester');
  const { privateKeyPem: key, certificatePem: cert } = createInstanceIdentity(new Date());
  return (await import('node:https')).createServer({ key, cert, minVersion: 'TLSv1.3' }, listener);
}

async function serveAttested(): Promise<void> {
  const { serve } = await import('@vitrine/enclave');
  const { openSimulator } = await import('@vitrine/simulator');
  const directory = process.env['VITRINE_HOME'] ?? '';
  const simulator = await openSimulator({ directory, now: () => new Date(), release: 'bench' });
  const { url } = await serve(echo, {
    name: 'echo',
    number: 1,
    auth: { kind: 'none' },
    listen: { host: '127.0.0.1', port: 0, publicHosts: [] },
    source: (manifestDigest) => simulator.launch(manifestDigest),
  });
  process.stdout.write(`${url}\n`);
  process.stdin.once('end', () => process.exit()).resume();
}
