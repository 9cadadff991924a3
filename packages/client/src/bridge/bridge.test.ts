import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { attestedFetch } from '../channel/attested-fetch.ts';
import { RefusedError, UnreachableError } from '../errors.ts';
import { hollowBundle } from '../testing/evidence.ts';
import { SESSION, serveMcp } from '../testing/mcp-server.ts';
import { reply, startTestServer, type TestServer } from '../testing/tls-server.ts';
import { runBridge } from './bridge.ts';
import { NO_ANSWER_CODE, REFUSED_CODE } from './rpc-error.ts';

const LIMIT = { timeLimitMs: 10_000 };
const bundle = await hollowBundle();
const attest = async (): Promise<Buffer> => reply(bundle);
const accept = async (): Promise<void> => {};
const VERSION = 'io.modelcontextprotocol/protocolVersion';

interface Seen {
  readonly method: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

interface Harness {
  readonly send: (message: unknown) => void;
  readonly line: (text: string) => void;
  /** The next message for the client. */
  readonly next: () => Promise<Record<string, unknown>>;
  readonly end: () => void;
  readonly code: Promise<number>;
  readonly stderr: () => string;
}

function start(server: { readonly url: string }, judge: () => Promise<void> = accept, isTTY = false): Harness {
  return startWith(server.url, async () => attestedFetch(server.url, judge, LIMIT), isTTY);
}

function startWith(url: string, open: Parameters<typeof runBridge>[0]['open'], isTTY = false): Harness {
  const input = Object.assign(new PassThrough(), { isTTY });
  const output = new PassThrough();
  const errorOutput = new PassThrough();
  const received: string[] = [];
  const waiting: ((text: string) => void)[] = [];
  let rest = '';
  output.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString('utf8')).split('\n');
    rest = lines.pop() ?? '';
    for (const text of lines) {
      const taker = waiting.shift();
      if (taker === undefined) received.push(text);
      else taker(text);
    }
  });
  return {
    send: (message) => input.write(`${JSON.stringify(message)}\n`),
    line: (text) => input.write(`${text}\n`),
    next: async () => {
      const text = received.shift() ?? (await new Promise<string>((resolve) => waiting.push(resolve)));
      return JSON.parse(text) as Record<string, unknown>;
    },
    end: () => input.end(),
    code: runBridge({ url, open, input, output, errorOutput }),
    stderr: () => String(errorOutput.read() ?? ''),
  };
}

function recording(
  seen: Seen[],
  serve: (request: IncomingMessage, response: ServerResponse, body: string) => void = serveMcp,
): Promise<TestServer> {
  return startTestServer({
    attest,
    serve: (request, response, body) => {
      seen.push({ method: request.method, headers: request.headers, body });
      serve(request, response, body);
    },
  });
}

const initialize = { jsonrpc: '2.0', id: 0, method: 'initialize', params: { protocolVersion: '2025-11-25' } };
const modern = (id: number | string, method: string, params: object = {}): object => ({
  jsonrpc: '2.0',
  id,
  method,
  params: { ...params, _meta: { [VERSION]: '2026-07-28' } },
});

describe('the bridge, for clients up to 2025-11-25', () => {
  promise('P8', 'keeps the session: its id, its version, and DELETE at the end', async () => {
    const seen: Seen[] = [];
    let listened: () => void = () => {};
    const listening = new Promise<void>((resolve) => {
      listened = resolve;
    });
    await using server = await recording(seen, (request, response, body) => {
      serveMcp(request, response, body);
      if (request.method === 'GET') listened();
    });
    const bridge = start(server);
    bridge.send(initialize);
    expect(await bridge.next()).toMatchObject({ id: 0, result: { protocolVersion: '2025-11-25' } });
    bridge.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
    bridge.send({ jsonrpc: '2.0', id: 'a', method: 'tools/call', params: { name: 'echo', arguments: { text: 'hi' } } });
    await listening;
    expect(await bridge.next()).toMatchObject({ id: 'a', result: { content: [{ text: 'hi' }] } });
    bridge.end();
    expect(await bridge.code).toBe(0);
    const posts = seen.filter(({ method }) => method === 'POST');
    expect(posts.map(({ headers }) => headers['mcp-session-id'])).toEqual([undefined, SESSION, SESSION]);
    expect(posts.map(({ headers }) => headers['mcp-protocol-version'])).toEqual([
      undefined,
      '2025-11-25',
      '2025-11-25',
    ]);
    expect(seen.find(({ method }) => method === 'GET')?.headers['mcp-session-id']).toBe(SESSION);
    expect(seen.at(-1)).toMatchObject({ method: 'DELETE', headers: { 'mcp-session-id': SESSION } });
  });

  promise('P8', 'relays progress, requests of the server and what it says by itself', async () => {
    const seen: Seen[] = [];
    let answered: (body: string) => void = () => {};
    const answer = new Promise<string>((resolve) => {
      answered = resolve;
    });
    await using server = await recording(seen, (request, response, body) => {
      if (request.method === 'GET') {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(': hello\n\nid: 1\ndata: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n');
      } else if (body.includes('tools/call')) {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(
          'event: message\ndata: {"jsonrpc":"2.0","method":"notifications/progress",\ndata:  "params":{}}\n\n',
        );
        response.write('data: {"jsonrpc":"2.0","id":5,"method":"elicitation/create","params":{}}\r\n\r\n');
        void answer.then(() => response.end('data: {"jsonrpc":"2.0","id":1,"result":{"n":12345678901234567890}}\n\n'));
      } else {
        if (body.includes('"accept"')) answered(body);
        serveMcp(request, response, body);
      }
    });
    const bridge = start(server);
    bridge.send(initialize);
    await bridge.next();
    bridge.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
    expect(await bridge.next()).toMatchObject({ method: 'notifications/tools/list_changed' });
    bridge.send({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: {} });
    expect(await bridge.next()).toEqual({ jsonrpc: '2.0', method: 'notifications/progress', params: {} });
    expect(await bridge.next()).toMatchObject({ id: 5, method: 'elicitation/create' });
    bridge.line('{"jsonrpc":"2.0","id":5,"result":{"action":"accept"}}');
    expect(await bridge.next()).toMatchObject({ id: 1 });
    expect(await answer).toBe('{"jsonrpc":"2.0","id":5,"result":{"action":"accept"}}');
    bridge.end();
    expect(await bridge.code).toBe(0);
  });

  promise('P8', 'relays a cancellation, and invents no answer when the stream then ends', async () => {
    const seen: Seen[] = [];
    let cancelled: () => void = () => {};
    await using server = await recording(seen, (request, response, body) => {
      if (body.includes('tools/call')) {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
        cancelled = () => response.end();
      } else {
        if (body.includes('notifications/cancelled')) cancelled();
        serveMcp(request, response, body);
      }
    });
    const bridge = start(server);
    bridge.send(initialize);
    await bridge.next();
    bridge.send({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: {} });
    bridge.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
    bridge.send({ jsonrpc: '2.0', id: 2, method: 'ping' });
    expect(await bridge.next()).toMatchObject({ id: 2 });
    bridge.end();
    expect(await bridge.code).toBe(0);
    expect(seen.some(({ body }) => body.includes('notifications/cancelled'))).toBe(true);
  });

  promise('P8', 'goes on with a stream that the server ended early, where the server says how', async () => {
    const seen: Seen[] = [];
    await using server = await recording(seen, (request, response, body) => {
      if (request.method !== 'GET' && !body.includes('tools/call')) return serveMcp(request, response, body);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      if (request.method === 'GET') response.end('id: 8\ndata: {"jsonrpc":"2.0","id":1,"result":{}}\n\n');
      else response.end('id: 7\nretry: 1\ndata:\n\n');
    });
    const bridge = start(server);
    bridge.send({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: {} });
    expect(await bridge.next()).toMatchObject({ id: 1, result: {} });
    expect(seen.at(-1)).toMatchObject({ method: 'GET', headers: { 'last-event-id': '7' } });
    bridge.end();
    expect(await bridge.code).toBe(0);
  });

  promise('P8', 'gives each failed request its own error and goes on', async () => {
    await using server = await recording([], (request, response, body) => {
      if (body.includes('"id":1')) response.writeHead(502).end('<html>\u001b[2Jbad gateway');
      else if (body.includes('"id":2')) request.socket.destroy();
      else if (body.includes('"id":3')) response.writeHead(200, { 'content-type': 'text/event-stream' }).end();
      else if (body.includes('"id":4'))
        response.writeHead(404).end('{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"x"}}');
      else serveMcp(request, response, body);
    });
    const bridge = start(server);
    for (const id of [1, 2, 3, 4, 5]) {
      bridge.send({ jsonrpc: '2.0', id, method: 'tools/call', params: {} });
      const answer = await bridge.next();
      expect(answer).toMatchObject({ id });
      if (id < 4) expect(answer['error']).toMatchObject({ code: NO_ANSWER_CODE });
      if (id === 1) expect(JSON.stringify(answer)).not.toContain('\\u001b');
      if (id === 4) expect(answer['error']).toEqual({ code: -32001, message: 'x' });
      if (id === 5) expect(answer['result']).toBeDefined();
    }
    bridge.end();
    expect(await bridge.code).toBe(0);
  });
});

describe('the bridge, for clients from 2026-07-28', () => {
  promise('P8', 'makes the headers that mirror each request', async () => {
    const seen: Seen[] = [];
    await using server = await recording(seen);
    const bridge = start(server);
    const requests: readonly (readonly [object, string | undefined])[] = [
      [modern(1, 'server/discover'), undefined],
      [modern(2, 'tools/call', { name: 'echo' }), 'echo'],
      [modern(3, 'resources/read', { uri: 'file:///a b' }), 'file:///a b'],
      [modern(4, 'prompts/get', { name: ' grüße' }), '=?base64?IGdyw7zDn2U=?='],
    ];
    for (const [request] of requests) {
      bridge.send(request);
      await bridge.next();
    }
    bridge.end();
    expect(await bridge.code).toBe(0);
    for (const [index, [request, name]] of requests.entries()) {
      expect(seen[index]?.headers).toMatchObject({ 'mcp-protocol-version': '2026-07-28' });
      expect(seen[index]?.headers['mcp-method']).toBe((request as { method: string }).method);
      expect(seen[index]?.headers['mcp-name']).toBe(name);
      expect(seen[index]?.headers['mcp-session-id']).toBeUndefined();
      expect(seen[index]?.body).toBe(JSON.stringify(request));
    }
    expect(seen.every(({ method }) => method === 'POST')).toBe(true);
  });

  promise('P8', 'mirrors annotated arguments of tools that were listed', async () => {
    const seen: Seen[] = [];
    const properties = {
      region: { type: 'string', 'x-mcp-header': 'Region' },
      deep: { properties: { n: { 'x-mcp-header': 'N' } } },
    };
    await using server = await recording(seen, (request, response, body) => {
      if (!body.includes('tools/list')) return serveMcp(request, response, body);
      const result = { tools: [{ name: 'where', inputSchema: { type: 'object', properties } }] };
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ jsonrpc: '2.0', id: 1, result }));
    });
    const bridge = start(server);
    bridge.send(modern(1, 'tools/list'));
    await bridge.next();
    bridge.send(modern(2, 'tools/call', { name: 'where', arguments: { region: 'eu west', deep: { n: 42 } } }));
    await bridge.next();
    bridge.send(modern(3, 'tools/call', { name: 'where', arguments: { region: null } }));
    await bridge.next();
    expect(seen[1]?.headers).toMatchObject({ 'mcp-param-region': 'eu west', 'mcp-param-n': '42' });
    expect(seen[2]?.headers['mcp-param-region']).toBeUndefined();
    bridge.end();
    expect(await bridge.code).toBe(0);
  });

  promise('P8', 'cancels by closing the stream of the request, and relays nothing', async () => {
    const seen: Seen[] = [];
    let closed: () => void = () => {};
    const gone = new Promise<void>((resolve) => {
      closed = resolve;
    });
    let started: () => void = () => {};
    const running = new Promise<void>((resolve) => {
      started = resolve;
    });
    await using server = await recording(seen, (request, response, body) => {
      if (!body.includes('tools/call')) return serveMcp(request, response, body);
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      response.on('close', closed);
      started();
    });
    const bridge = start(server);
    bridge.send(modern(1, 'tools/call', { name: 'echo' }));
    await running;
    bridge.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
    await gone;
    bridge.send(modern(2, 'server/discover'));
    expect(await bridge.next()).toMatchObject({ id: 2 });
    bridge.end();
    expect(await bridge.code).toBe(0);
    expect(seen.some(({ body }) => body.includes('cancelled'))).toBe(false);
  });

  promise('P8', 'relays errors of the protocol as they are, whatever the HTTP status', async () => {
    const error = { code: -32022, message: 'no', data: { supported: ['2025-11-25'] } };
    await using server = await recording([], (_, response) => {
      response
        .writeHead(400, { 'content-type': 'application/json' })
        .end(JSON.stringify({ jsonrpc: '2.0', id: 1, error }));
    });
    const bridge = start(server);
    bridge.send(modern(1, 'server/discover'));
    expect(await bridge.next()).toEqual({ jsonrpc: '2.0', id: 1, error });
    bridge.end();
    expect(await bridge.code).toBe(0);
  });
});

describe('a refusing bridge', () => {
  const refuse = async (): Promise<never> => {
    throw new RefusedError('workload.reference', 'the code has changed');
  };

  promise('P2', 'answers each request with the check, says it once to people, and sends nothing', async () => {
    await using server = await startTestServer({ attest, serve: serveMcp });
    const bridge = start(server, refuse);
    for (const id of [0, 'x']) {
      bridge.send({ ...initialize, id });
      expect(await bridge.next()).toEqual({
        jsonrpc: '2.0',
        id,
        error: {
          code: REFUSED_CODE,
          message: 'Vitrine refused the server: workload.reference: the code has changed',
          data: { check: 'workload.reference', verdict: 'rejected' },
        },
      });
    }
    bridge.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
    bridge.end();
    expect(await bridge.code).toBe(1);
    expect(bridge.stderr()).toBe('vitrine: refused: workload.reference: the code has changed\n');
    expect([server.attested(), server.otherBytes()]).toEqual([1, 0]);
  });

  promise('P2', 'stays refusing when a later connection fails, though earlier ones were good', async () => {
    let connections = 0;
    await using server = await startTestServer({
      attest,
      serve: (request, response, body) => {
        response.setHeader('connection', 'close');
        serveMcp(request, response, body);
      },
    });
    const bridge = start(server, async () => {
      connections++;
      if (connections > 1) await refuse();
    });
    bridge.send({ jsonrpc: '2.0', id: 1, method: 'ping' });
    expect(await bridge.next()).toMatchObject({ id: 1, result: {} });
    const sent = server.otherBytes();
    for (const id of [2, 3]) {
      bridge.send({ jsonrpc: '2.0', id, method: 'ping' });
      expect(await bridge.next()).toMatchObject({ id, error: { code: REFUSED_CODE } });
    }
    bridge.end();
    expect(await bridge.code).toBe(1);
    expect([connections, server.otherBytes()]).toEqual([2, sent]);
  });

  promise('P7', 'tries again when nothing was found out', async () => {
    let busy = true;
    await using server = await startTestServer({
      attest: async () => (busy ? reply('{}', '503 Busy', 'Retry-After: 1\r\n') : reply(bundle)),
      serve: serveMcp,
    });
    const bridge = start(server);
    bridge.send({ jsonrpc: '2.0', id: 1, method: 'ping' });
    expect(await bridge.next()).toMatchObject({ error: { data: { check: 'attest.busy', verdict: 'undetermined' } } });
    busy = false;
    bridge.send({ jsonrpc: '2.0', id: 2, method: 'ping' });
    expect(await bridge.next()).toMatchObject({ id: 2, result: {} });
    bridge.end();
    expect(await bridge.code).toBe(0);
  });

  test('exits at once before a person, with the code of the refusal', async () => {
    await using server = await startTestServer({ attest });
    expect(await start(server, refuse, true).code).toBe(1);
    const unreachable = async (): Promise<never> => {
      throw new UnreachableError('network', 'no');
    };
    expect(await startWith(server.url, unreachable, true).code).toBe(3);
  });

  test('answers what came before the end of input', async () => {
    await using server = await startTestServer({ attest, serve: serveMcp });
    const bridge = start(server);
    bridge.send({ jsonrpc: '2.0', id: 1, method: 'ping' });
    bridge.end();
    expect(await bridge.next()).toMatchObject({ id: 1, result: {} });
    expect(await bridge.code).toBe(0);
  });

  test('answers lines that are no messages', async () => {
    await using server = await startTestServer({ attest });
    const bridge = start(server);
    bridge.line('{');
    expect(await bridge.next()).toMatchObject({ id: null, error: { code: -32700 } });
    bridge.line('{"id":1}');
    expect(await bridge.next()).toMatchObject({ id: null, error: { code: -32600 } });
    bridge.line('');
    bridge.end();
    expect(await bridge.code).toBe(0);
    expect(server.otherBytes()).toBe(0);
  });
});
