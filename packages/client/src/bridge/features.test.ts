import { PassThrough } from 'node:stream';
import { Client, type Transport } from '@modelcontextprotocol/client';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, fromJsonSchema, inputRequired, McpServer } from '@modelcontextprotocol/server';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { attestedFetch } from '../channel/attested-fetch.ts';
import { hollowBundle } from '../testing/evidence.ts';
import { serveMcp } from '../testing/mcp-server.ts';
import { reply, startTestServer, type TestServer, type TestServerOptions } from '../testing/tls-server.ts';
import { runBridge } from './bridge.ts';

const bundle = await hollowBundle();

function serving(serve: NonNullable<TestServerOptions['serve']>): Promise<TestServer> {
  return startTestServer({ attest: async () => reply(bundle), serve });
}

interface Pipe {
  readonly input: PassThrough;
  readonly output: PassThrough;
  readonly code: Promise<number>;
}

function bridgeTo({ url }: TestServer): Pipe {
  const input = new PassThrough();
  const output = new PassThrough();
  const open = async (): Promise<ReturnType<typeof attestedFetch>> =>
    attestedFetch(url, async () => {}, { timeLimitMs: 10_000 });
  return { input, output, code: runBridge({ url, open, input, output, errorOutput: new PassThrough() }) };
}

/** A client's side of the bridge, as the SDK's own stdio transport would have it. */
function transportOver({ input, output }: Pipe): Transport {
  const transport: Transport = {
    async start() {
      let rest = '';
      output.on('data', (chunk: Buffer) => {
        const lines = (rest + chunk.toString('utf8')).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) transport.onmessage?.(JSON.parse(line));
      });
    },
    async send(message) {
      input.write(`${JSON.stringify(message)}\n`);
    },
    async close() {
      input.end();
      transport.onclose?.();
    },
  };
  return transport;
}

async function firstLine(output: PassThrough): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of output) {
    chunks.push(chunk as Buffer);
    if ((chunk as Buffer).includes(0x0a)) break;
  }
  return Buffer.concat(chunks);
}

describe('large and binary results', () => {
  const data = Buffer.alloc(18 << 20, 'a\u0000ü\u00ff').toString('base64');
  const text = `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"image","data":"${data}"}],"n":1.0e2}}`;
  for (const [how, type, body] of [
    ['JSON', 'application/json', text],
    ['an event', 'text/event-stream', `event: message\ndata: ${text}\n\n`],
  ] as const) {
    promise('P8', `pass as ${how}, byte for byte`, async () => {
      await using server = await serving((_, response) => response.writeHead(200, { 'content-type': type }).end(body));
      const bridge = bridgeTo(server);
      bridge.input.write('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"image"}}\n');
      expect((await firstLine(bridge.output)).equals(Buffer.from(`${text}\n`))).toBe(true);
      bridge.input.end();
      expect(await bridge.code).toBe(0);
    });
  }

  promise('P8', 'and large arguments reach the server as they are', async () => {
    let received = '';
    await using server = await serving((request, response, body) => {
      received = body;
      serveMcp(request, response, body);
    });
    const bridge = bridgeTo(server);
    const line = `{"jsonrpc":"2.0" , "id":1,"method":"tools/call","params":{"name":"echo","arguments":{"data":"${data}"}}}`;
    bridge.input.write(`${line}\n`);
    expect(JSON.parse((await firstLine(bridge.output)).toString('utf8'))).toMatchObject({ id: 1 });
    expect(received === line).toBe(true);
    bridge.input.end();
    expect(await bridge.code).toBe(0);
  });
});

describe('a client of the official SDK', () => {
  const inputSchema = fromJsonSchema<{ text: string }>({ type: 'object', properties: { text: { type: 'string' } } });
  const handler = toNodeHandler(
    createMcpHandler(() => {
      const mcp = new McpServer({ name: 'test', version: '1.0.0' });
      mcp.registerTool('echo', { inputSchema }, async ({ text }, context) => {
        const progressToken = context.mcpReq._meta?.progressToken;
        for (const progress of progressToken === undefined ? [] : [1, 2]) {
          await context.mcpReq.notify({
            method: 'notifications/progress',
            params: { progressToken, progress } as never,
          });
        }
        return { content: [{ type: 'text', text }] };
      });
      mcp.registerTool('ask', {}, async (context) => {
        const answer = context.mcpReq.inputResponses?.['name'];
        if (answer !== undefined) return { content: [{ type: 'text', text: JSON.stringify(answer) }] };
        return inputRequired({
          inputRequests: {
            name: inputRequired.elicit({
              message: 'Who?',
              requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
            }),
          },
        });
      });
      mcp.registerTool('wait', {}, async (context) => {
        waiting();
        await new Promise((resolve) => context.mcpReq.signal.addEventListener('abort', resolve));
        stopped();
        return { content: [] };
      });
      return mcp;
    }),
  );
  let waiting: () => void = () => {};
  let stopped: () => void = () => {};

  async function connected(mode: 'legacy' | 'auto'): Promise<{ client: Client; close(): Promise<void> }> {
    const server = await serving((request, response, body) => {
      void handler(request as Parameters<typeof handler>[0], response, JSON.parse(body === '' ? 'null' : body));
    });
    const bridge = bridgeTo(server);
    const client = new Client(
      { name: 'test', version: '1.0.0' },
      { versionNegotiation: { mode }, capabilities: { elicitation: {} } },
    );
    client.setRequestHandler('elicitation/create', async () => ({ action: 'accept', content: { name: 'Ada' } }));
    await client.connect(transportOver(bridge));
    return {
      client,
      async close() {
        await client.close();
        expect(await bridge.code).toBe(0);
        await server[Symbol.asyncDispose]();
      },
    };
  }

  for (const mode of ['legacy', 'auto'] as const) {
    promise('P8', `lists and calls tools, with progress (${mode})`, async () => {
      const { client, close } = await connected(mode);
      expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo');
      const progress: number[] = [];
      const result = await client.callTool(
        { name: 'echo', arguments: { text: 'grüße' } },
        { onprogress: (one) => void progress.push(one.progress) },
      );
      expect([result.content, progress]).toEqual([[{ type: 'text', text: 'grüße' }], [1, 2]]);
      await close();
    });
  }

  promise('P8', 'is asked by the server, and its answer arrives (2026-07-28)', async () => {
    const { client, close } = await connected('auto');
    const { content } = await client.callTool({ name: 'ask', arguments: {} });
    expect(JSON.stringify(content)).toContain('Ada');
    await close();
  });

  promise('P8', 'cancels a call, which stops at the server (2026-07-28)', async () => {
    const { client, close } = await connected('auto');
    const running = new Promise<void>((resolve) => {
      waiting = resolve;
    });
    const ended = new Promise<void>((resolve) => {
      stopped = resolve;
    });
    const cancel = new AbortController();
    const call = client.callTool({ name: 'wait', arguments: {} }, { signal: cancel.signal });
    const outcome = expect(call).rejects.toThrow();
    await running;
    cancel.abort();
    await Promise.all([outcome, ended]);
    await close();
  });
});
