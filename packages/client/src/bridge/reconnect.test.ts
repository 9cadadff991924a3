import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { attestedFetch } from '../channel/attested-fetch.ts';
import { RefusedError } from '../errors.ts';
import { hollowBundle } from '../testing/evidence.ts';
import { SESSION, serveMcp } from '../testing/mcp-server.ts';
import { reply, startTestServer, type TestServer } from '../testing/tls-server.ts';
import { runBridge } from './bridge.ts';
import { NO_ANSWER_CODE, REFUSED_CODE } from './rpc-error.ts';

const bundle = await hollowBundle();
const VERSION = 'io.modelcontextprotocol/protocolVersion';

type Message = Readonly<Record<string, unknown>>;
type Serve = (request: IncomingMessage, response: ServerResponse, body: string) => void;

interface Bridge extends AsyncDisposable {
  readonly server: TestServer;
  readonly send: (message: unknown) => void;
  /** Resolves with the answer to this id. */
  readonly answer: (id: string | number) => Promise<Message>;
  /** Everything that the client got, in order. */
  readonly received: Message[];
  readonly judged: () => number;
}

async function start(serve: Serve, judge: (count: number) => void = () => {}): Promise<Bridge> {
  const server = await startTestServer({ attest: async () => reply(bundle), serve });
  let judged = 0;
  const input = new PassThrough();
  const output = new PassThrough();
  const received: Message[] = [];
  let waiting: (() => void)[] = [];
  let rest = '';
  output.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString('utf8')).split('\n');
    rest = lines.pop() ?? '';
    received.push(...lines.map((line) => JSON.parse(line) as Message));
    for (const resolve of waiting) resolve();
    waiting = [];
  });
  const code = runBridge({
    url: server.url,
    open: async () => attestedFetch(server.url, async () => judge(++judged), { timeLimitMs: 10_000 }),
    input,
    output,
    errorOutput: new PassThrough(),
  });
  return {
    server,
    received,
    judged: () => judged,
    send: (message) => input.write(`${JSON.stringify(message)}\n`),
    async answer(id) {
      for (;;) {
        const found = received.find((message) => message['id'] === id && !('method' in message));
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
    async [Symbol.asyncDispose]() {
      input.end();
      await code;
      await server[Symbol.asyncDispose]();
    },
  };
}

const call = (id: number, name = 'echo'): object => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: { text: String(id) } },
});
const request = (id: number | string, method: string, params: object = {}): object => ({
  jsonrpc: '2.0',
  id,
  method,
  params,
});
const modern = (id: number | string, method: string): object =>
  request(id, method, { _meta: { [VERSION]: '2026-07-28' } });
const initialize = request(0, 'initialize', { protocolVersion: '2025-11-25' });
const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' };

/** Serves `serve`, but ends the connection at the first request that `at` picks. */
function breaking(at: (body: string) => boolean, serve: Serve = serveMcp): Serve {
  let broken = false;
  return (incoming, response, body) => {
    if (broken || !at(body)) return serve(incoming, response, body);
    broken = true;
    incoming.socket.destroy();
  };
}

for (const [status, mayHaveRun] of [
  [429, false],
  [500, true],
  [503, true],
] as const) {
  promise('P8', `HTTP ${status} to a call: it ${mayHaveRun ? 'may have been' : 'was not'} carried out`, async () => {
    let calls = 0;
    await using bridge = await start((_, response) => {
      calls++;
      response.writeHead(status, { 'content-type': 'text/plain' }).end('no');
    });
    bridge.send(call(1));
    expect(await bridge.answer(1)).toMatchObject({ error: { code: NO_ANSWER_CODE, data: { mayHaveRun } } });
    expect(calls).toBe(1);
  });
}

describe('a connection that breaks', () => {
  promise('P8', 'between calls costs nothing but another attestation', async () => {
    await using bridge = await start(serveMcp);
    bridge.send(call(1));
    await bridge.answer(1);
    const closed = [...bridge.server.sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    for (const socket of bridge.server.sockets) socket.destroy();
    await Promise.all(closed);
    bridge.send(request(2, 'tools/list'));
    expect(await bridge.answer(2)).toMatchObject({ result: { tools: [{ name: 'echo' }] } });
    expect(bridge.judged()).toBe(2);
  });

  promise('P8', 'under a request that changes nothing, which is sent again on an attested one', async () => {
    await using bridge = await start(breaking((body) => body.includes('tools/list')));
    bridge.send(request(1, 'tools/list'));
    expect(await bridge.answer(1)).toMatchObject({ result: { tools: [{ name: 'echo' }] } });
    expect(bridge.judged()).toBe(2);
  });

  promise(
    'P8',
    'under a call of unknown effect, which is not sent again; the error says that it may have run',
    async () => {
      let calls = 0;
      await using bridge = await start((incoming, _, body) => {
        if (body.includes('tools/call')) calls++;
        incoming.socket.destroy();
      });
      bridge.send(call(1));
      expect(await bridge.answer(1)).toMatchObject({
        error: {
          code: NO_ANSWER_CODE,
          message: expect.stringContaining('may have been carried out'),
          data: { mayHaveRun: true },
        },
      });
      expect(calls).toBe(1);
    },
  );

  for (const [hint, again] of [
    ['readOnlyHint', true],
    ['idempotentHint', true],
    ['openWorldHint', false],
  ] as const) {
    promise('P8', `under a call of a tool with ${hint}: ${again ? 'sent again' : 'not sent again'}`, async () => {
      const tools = [{ name: 'echo', inputSchema: { type: 'object' }, annotations: { [hint]: true } }];
      await using bridge = await start(
        breaking(
          (body) => body.includes('tools/call'),
          (incoming, response, body) => {
            if (!body.includes('tools/list')) return serveMcp(incoming, response, body);
            response.writeHead(200, { 'content-type': 'application/json' });
            response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, result: { tools } }));
          },
        ),
      );
      bridge.send(request(1, 'tools/list'));
      await bridge.answer(1);
      bridge.send(call(2));
      const answer = await bridge.answer(2);
      if (again) expect(answer).toMatchObject({ result: { content: [{ text: '2' }] } });
      else expect(answer).toMatchObject({ error: { code: NO_ANSWER_CODE, data: { mayHaveRun: true } } });
    });
  }

  promise('P8', 'in the middle of an answer, which is an error of its own', async () => {
    await using bridge = await start((incoming, response, body) => {
      if (!body.includes('tools/call')) return serveMcp(incoming, response, body);
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 });
      response.write('{"jsonrpc"', () => incoming.socket.destroy());
    });
    bridge.send(call(1));
    expect(await bridge.answer(1)).toMatchObject({ error: { code: NO_ANSWER_CODE, data: { mayHaveRun: true } } });
    bridge.send(request(2, 'ping'));
    expect(await bridge.answer(2)).toMatchObject({ result: {} });
  });

  promise('P8', 'again and again, which is tried three times and not for ever', async () => {
    let lists = 0;
    await using bridge = await start((incoming, _, body) => {
      if (body.includes('tools/list')) lists++;
      incoming.socket.destroy();
    });
    bridge.send(request(1, 'tools/list'));
    expect(await bridge.answer(1)).toMatchObject({ error: { code: NO_ANSWER_CODE } });
    expect(lists).toBe(3);
  });

  promise('P2', 'and a server with other code behind the address: a hard stop, without another byte', async () => {
    await using bridge = await start(serveMcp, (count) => {
      if (count > 1) throw new RefusedError('workload.reference', 'the code has changed');
    });
    bridge.send(call(1));
    await bridge.answer(1);
    const closed = [...bridge.server.sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    for (const socket of bridge.server.sockets) socket.destroy();
    await Promise.all(closed);
    const before = bridge.server.otherBytes();
    for (const id of [2, 3]) {
      bridge.send(request(id, 'tools/list'));
      expect(await bridge.answer(id)).toMatchObject({
        error: { code: REFUSED_CODE, data: { check: 'workload.reference', verdict: 'rejected' } },
      });
    }
    expect([bridge.judged(), bridge.server.otherBytes()]).toEqual([2, before]);
  });

  promise('P8', 'under a hundred calls at once, now and then: each is answered exactly once', async () => {
    let served = 0;
    await using bridge = await start((incoming, response, body) => {
      // Every seventh request dies with its connection, before or after its answer began.
      if (++served % 7 !== 0) return serveMcp(incoming, response, body);
      if (served % 2 === 0) return void incoming.socket.destroy();
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: {"jsonrpc":"2.0",\n', () => incoming.socket.destroy());
    });
    const ids = Array.from({ length: 100 }, (_, index) => index + 1);
    for (const id of ids) bridge.send(call(id));
    const answers = await Promise.all(ids.map(bridge.answer));
    for (const [index, answer] of answers.entries()) {
      if ('error' in answer) expect(answer['error']).toMatchObject({ code: NO_ANSWER_CODE });
      else expect(answer).toMatchObject({ result: { content: [{ text: String(index + 1) }] } });
    }
    expect(answers.some((answer) => 'error' in answer)).toBe(true);
    expect(bridge.received.map(({ id }) => id).sort((a, b) => Number(a) - Number(b))).toEqual(ids);
  });

  promise('P8', 'under a listening stream of 2026-07-28, which is opened again', async () => {
    let listens = 0;
    await using bridge = await start((incoming, response, body) => {
      if (!body.includes('subscriptions/listen')) return serveMcp(incoming, response, body);
      listens++;
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      if (listens === 1) response.write(': hello\n\n', () => incoming.socket.destroy());
      else response.end('data: {"jsonrpc":"2.0","id":"l","result":{"resultType":"complete"}}\n\n');
    });
    bridge.send(modern('l', 'subscriptions/listen'));
    expect(await bridge.answer('l')).toMatchObject({ result: { resultType: 'complete' } });
    expect(listens).toBe(2);
  });
});

describe('a session that the server has lost', () => {
  interface Restarting {
    readonly serve: Serve;
    readonly seen: string[];
    lose(): void;
  }
  /** A server that knows only its latest session. */
  function restarting(capabilities: () => object = () => ({})): Restarting {
    const seen: string[] = [];
    let session = 0;
    let lost = false;
    return {
      seen,
      lose() {
        lost = true;
      },
      serve(incoming, response, body) {
        const given = incoming.headers['mcp-session-id'];
        const method = body === '' ? incoming.method : (JSON.parse(body) as { method?: string }).method;
        if (method === 'initialize') {
          lost = false;
          seen.push('initialize');
          const result = { protocolVersion: '2025-11-25', capabilities: capabilities() };
          response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': `${SESSION}-${++session}` });
          return void response.end(JSON.stringify({ jsonrpc: '2.0', id: 0, result }));
        }
        if (lost || given !== `${SESSION}-${session}`) return void response.writeHead(404).end();
        if (incoming.method === 'POST') seen.push(`${method} ${session}`);
        serveMcp(incoming, response, body);
      },
    };
  }

  promise(
    'P8',
    'is opened again as the client opened it, with its subscriptions, and the request is sent',
    async () => {
      const server = restarting();
      await using bridge = await start(server.serve);
      bridge.send(initialize);
      await bridge.answer(0);
      bridge.send(initialized);
      bridge.send(request(1, 'resources/subscribe', { uri: 'a:b' }));
      bridge.send(request(2, 'logging/setLevel', { level: 'info' }));
      await Promise.all([bridge.answer(1), bridge.answer(2)]);
      server.lose();
      for (const id of [3, 4]) bridge.send(call(id));
      for (const id of [3, 4])
        expect(await bridge.answer(id)).toMatchObject({ result: { content: [{ text: String(id) }] } });
      expect(server.seen.filter((one) => one === 'initialize')).toHaveLength(2);
      const later = server.seen.slice(server.seen.lastIndexOf('initialize') + 1);
      expect(later[0]).toBe('notifications/initialized 2');
      expect(later.slice(1, 3).sort()).toEqual(['logging/setLevel 2', 'resources/subscribe 2']);
      expect(later.slice(3)).toEqual(['tools/call 2', 'tools/call 2']);
      // Nothing of that is the client's business.
      expect(bridge.received.map(({ id }) => id)).toEqual(expect.arrayContaining([0, 1, 2, 3, 4]));
      expect(bridge.received).toHaveLength(5);
    },
  );

  promise('P8', 'is not opened again with a server that offers something else', async () => {
    let grown = false;
    const server = restarting(() => (grown ? { tools: {} } : {}));
    await using bridge = await start(server.serve);
    bridge.send(initialize);
    await bridge.answer(0);
    server.lose();
    grown = true;
    bridge.send(call(1));
    expect(await bridge.answer(1)).toMatchObject({
      error: {
        code: NO_ANSWER_CODE,
        message: expect.stringContaining('start the client again'),
        data: { mayHaveRun: false },
      },
    });
    expect(server.seen).not.toContain('tools/call 2');
  });
});
