/**
 * A program that offers its own MCP server over the attested channel: `serve` takes the factory that the
 * SDK takes, and the TEE that signs for it; here that is the simulator, which protects nothing.
 *
 * @module
 */
import { fromJsonSchema, McpServer } from '@modelcontextprotocol/server';
import { type Serving, serve } from '@vitrine/enclave';
import { openSimulator, type Simulator } from '@vitrine/simulator';

/** One server with one tool. */
export function makeServer(): McpServer {
  const server = new McpServer({ name: 'adder', version: '1.0.0' }, { capabilities: { tools: {} } });
  const inputSchema = fromJsonSchema<{ a: number; b: number }>({
    type: 'object',
    properties: { a: { type: 'number' }, b: { type: 'number' } },
    required: ['a', 'b'],
  });
  server.registerTool('add', { description: 'Adds two numbers', inputSchema }, ({ a, b }) => ({
    content: [{ type: 'text', text: `${a + b}` }],
  }));
  return server;
}

/** Serves it on a free port of this machine. `stateDirectory` keeps the simulator's root. */
export async function serveAdder(
  stateDirectory: string,
): Promise<{ readonly serving: Serving; readonly simulator: Simulator }> {
  const simulator = await openSimulator({ directory: stateDirectory, now: () => new Date(), release: 'example' });
  const serving = await serve(makeServer, {
    name: 'adder',
    number: 1,
    auth: { kind: 'none' },
    listen: { host: '127.0.0.1', port: 0, publicHosts: [] },
    source: (manifestDigest) => simulator.launch(manifestDigest),
  });
  return { serving, simulator };
}
