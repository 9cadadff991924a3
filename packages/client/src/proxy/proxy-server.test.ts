import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, fromJsonSchema, McpServer } from '@modelcontextprotocol/server';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { NO_ANSWER_CODE, REFUSED_CODE } from '../bridge/rpc-error.ts';
import { attestedFetch } from '../channel/attested-fetch.ts';
import { type Refusal, RefusedError, UnreachableError } from '../errors.ts';
import { hollowBundle } from '../testing/evidence.ts';
import { SESSION, serveMcp } from '../testing/mcp-server.ts';
import { reply, startTestServer, type TestServer } from '../testing/tls-server.ts';
import { LOCAL_DENIAL_CODE, type LocalProxy, startProxy } from './proxy-server.ts';

const TOKEN = 'A'.repeat(43);
const PAGE = 'http://localhost:5173';
const bundle = await hollowBundle();
const attest = async (): Promise<Buffer> => reply(bundle);
const ping = '{"jsonrpc":"2.0","id":7,"method":"ping"}';

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly rawHeaders: readonly string[];
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

interface Setup extends AsyncDisposable {
  readonly server: TestServer;
  readonly proxy: LocalProxy;
  readonly seen: Seen[];
  readonly refusals: Refusal[];
}

type Serve = (request: IncomingMessage, response: ServerResponse, body: string) => void;

async function setUp(
  serve: Serve = serveMcp,
  judge: () => Promise<void> = async () => {},
  maxBodyBytes?: number,
): Promise<Setup> {
  const seen: Seen[] = [];
  const refusals: Refusal[] = [];
  const server = await startTestServer({
    attest,
    serve: (request, response, body) => {
      const { method, url, rawHeaders, headers } = request;
      seen.push({ method, url, rawHeaders, headers, body });
      serve(request, response, body);
    },
  });
  const channel = attestedFetch(server.url, judge, {
    timeLimitMs: 10_000,
    lanes: { sizes: { listen: 4, request: 8, short: 2 } },
  });
  try {
    const proxy = await startProxy({
      url: server.url,
      listen: { host: '127.0.0.1', port: 0 },
      token: TOKEN,
      allowOrigins: [PAGE],
      channel: { ...channel, client: () => channel.fetch },
      onRefusal: (refusal) => void refusals.push(refusal),
      ...(maxBodyBytes === undefined ? {} : { maxBodyBytes }),
    });
    return {
      server,
      proxy,
      seen,
      refusals,
      async [Symbol.asyncDispose]() {
        await proxy.close();
        await server[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

interface Sending {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: OutgoingHttpHeaders;
  /** Leaves the token and the type out. */
  readonly bare?: boolean;
  readonly body?: string | Buffer;
}

async function send(url: string, { method = 'POST', path, headers, bare, body }: Sending = {}): Promise<Answer> {
  const target = new URL(path ?? '/mcp', url);
  const own = bare === true ? {} : { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
  const request = httpRequest(target, { method, headers: { ...own, ...headers }, agent: false });
  request.on('error', () => {});
  request.end(method === 'POST' ? (body ?? ping) : body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString('utf8') };
}

/** Writes raw bytes and gives everything that comes back. */
async function raw(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  socket.end(text);
  await once(socket, 'close');
  return answer;
}

describe('who may use the proxy', () => {
  const denials: readonly (readonly [string, Sending, number, string])[] = [
    ['no token', { bare: true, headers: { 'content-type': 'application/json' } }, 401, 'proxy.token'],
    ['another token', { headers: { authorization: `Bearer ${'B'.repeat(43)}` } }, 401, 'proxy.token'],
    ['a longer token', { headers: { authorization: `Bearer ${TOKEN}A` } }, 401, 'proxy.token'],
    ['the token in another scheme', { headers: { authorization: `Basic ${TOKEN}` } }, 401, 'proxy.token'],
    ['a name that points here', { headers: { host: 'evil.example' } }, 403, 'proxy.host'],
    ['no port', { headers: { host: '127.0.0.1' } }, 403, 'proxy.host'],
    ['a page', { headers: { origin: 'https://evil.example' } }, 403, 'proxy.origin'],
    ['a sandboxed page', { headers: { origin: 'null' } }, 403, 'proxy.origin'],
    ['an allowed page under another port', { headers: { origin: 'http://localhost:5174' } }, 403, 'proxy.origin'],
    ['a preflight of a page', { method: 'OPTIONS', headers: { origin: 'https://evil.example' } }, 403, 'proxy.origin'],
    ['another path', { path: '/' }, 404, 'proxy.path'],
    ['a query', { path: '/mcp?x=1' }, 404, 'proxy.path'],
    ['another method', { method: 'PUT' }, 405, 'proxy.method'],
    ['a form', { headers: { 'content-type': 'text/plain' } }, 415, 'proxy.type'],
    ['a compressed body', { headers: { 'content-encoding': 'gzip' } }, 415, 'proxy.encoding'],
    ['a body where none belongs', { method: 'DELETE', headers: { 'content-length': 1 }, body: 'x' }, 400, 'proxy.body'],
    ['bytes that are no text', { body: Buffer.from([0x22, 0xff, 0x22]) }, 400, 'proxy.utf8'],
  ];
  for (const [what, sending, status, check] of denials) {
    promise('P2', `denies ${what}, and sends nothing on`, async () => {
      await using setup = await setUp();
      const answer = await send(setup.proxy.url, sending);
      expect(answer.status).toBe(status);
      expect(JSON.parse(answer.body)).toMatchObject({ id: null, error: { code: LOCAL_DENIAL_CODE, data: { check } } });
      expect(answer.headers['access-control-allow-origin']).toBeUndefined();
      if (status === 401) expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
      expect(answer.body).not.toContain(TOKEN);
      expect(setup.seen).toEqual([]);
    });
  }

  promise('P2', 'denies a body that is too large before it is there', async () => {
    await using setup = await setUp(serveMcp, undefined, 100);
    const target = new URL(setup.proxy.url);
    const announced = await raw(
      setup.proxy.url,
      `POST /mcp HTTP/1.1\r\nHost: ${target.host}\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\nContent-Length: 101\r\n\r\n`,
    );
    expect(announced).toMatch(/^HTTP\/1\.1 413 /);
    const chunked = await raw(
      setup.proxy.url,
      `POST /mcp HTTP/1.1\r\nHost: ${target.host}\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n${'x'.repeat(255)}\r\n`,
    );
    expect(chunked).toMatch(/^HTTP\/1\.1 413 /);
    expect((await send(setup.proxy.url)).status).toBe(200);
    expect(setup.seen).toHaveLength(1);
  });

  promise('P2', 'denies requests that two readers could read in two ways', async () => {
    await using setup = await setUp();
    const { host } = new URL(setup.proxy.url);
    const good = `Host: ${host}\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\n`;
    const smuggled = 'GET /mcp HTTP/1.1\r\nHost: x\r\n\r\n';
    const requests = [
      `POST /mcp HTTP/1.1\r\n${good}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
      `POST /mcp HTTP/1.1\r\n${good}Content-Length: 4\r\nContent-Length: 5\r\n\r\n${smuggled}`,
      `POST /mcp HTTP/1.1\r\n${good}Host: evil.example\r\nContent-Length: 2\r\n\r\n{}`,
      `POST /mcp HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nAuthorization: Bearer x\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: 2\r\n\r\n{}`,
      `POST /mcp HTTP/1.1\r\n${good}Transfer-Encoding: xchunked\r\n\r\n${smuggled}`,
      `POST http://evil.example/mcp HTTP/1.1\r\n${good}Content-Length: 2\r\n\r\n{}`,
      `POST /mcp HTTP/1.1\r\n${good.replaceAll('\r\n', '\r\n ')}Content-Length: 2\r\n\r\n{}`,
      `CONNECT evil.example:443 HTTP/1.1\r\n${good}\r\n`,
    ];
    for (const request of requests) expect(await raw(setup.proxy.url, request)).not.toMatch(/^HTTP\/1\.1 2/);
    expect(setup.seen).toEqual([]);
  });

  promise('P2', 'lets an allowed page in, with the token', async () => {
    await using setup = await setUp();
    const preflight = await send(setup.proxy.url, {
      method: 'OPTIONS',
      bare: true,
      headers: {
        origin: PAGE,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization, mcp-method, x-other, cookie',
      },
    });
    expect(preflight).toMatchObject({ status: 204, headers: { 'access-control-allow-origin': PAGE, vary: 'origin' } });
    expect(preflight.headers['access-control-allow-headers']).toBe('authorization, mcp-method');
    const answer = await send(setup.proxy.url, { headers: { origin: PAGE } });
    expect(answer).toMatchObject({ status: 200, headers: { 'access-control-allow-origin': PAGE } });
    expect((await send(setup.proxy.url, { bare: true, headers: { origin: PAGE } })).status).toBe(401);
    expect(setup.seen).toHaveLength(1);
  });

  test('is known as localhost too', async () => {
    await using setup = await setUp();
    const { port } = new URL(setup.proxy.url);
    expect((await send(setup.proxy.url, { headers: { host: `localhost:${port}` } })).status).toBe(200);
  });
});

describe('what the proxy passes on', () => {
  promise('P8', 'bodies as they are, and only the headers of MCP', async () => {
    await using setup = await setUp();
    const body = '{"jsonrpc":"2.0" ,"id":7,"method":"ping","n":12345678901234567890,"s":"\\u00fc ü"}';
    const answer = await send(setup.proxy.url, {
      body,
      headers: {
        accept: 'application/json, text/event-stream',
        'mcp-method': 'ping',
        'mcp-session-id': SESSION,
        'mcp-param-region': 'eu',
        cookie: 'a=b',
        'x-forwarded-for': '10.0.0.1',
        'proxy-authorization': 'Basic x',
      },
    });
    expect(answer).toMatchObject({ status: 200, body: '{"jsonrpc":"2.0","id":7,"result":{}}' });
    const [seen] = setup.seen;
    expect(seen).toMatchObject({ method: 'POST', url: '/mcp', body });
    expect(Object.keys(seen?.headers ?? {}).sort()).toEqual([
      'accept',
      'accept-encoding',
      'connection',
      'content-length',
      'content-type',
      'host',
      'mcp-method',
      'mcp-param-region',
      'mcp-session-id',
    ]);
    expect(seen?.rawHeaders.join('\n')).not.toContain(TOKEN);
  });

  promise('P8', 'the session id, and nothing else that the server adds', async () => {
    await using setup = await setUp((request, response, body) => {
      response.setHeader('set-cookie', 'a=b');
      response.setHeader('access-control-allow-origin', '*');
      serveMcp(request, response, body);
    });
    const answer = await send(setup.proxy.url, { body: '{"jsonrpc":"2.0","id":0,"method":"initialize"}' });
    expect(answer.headers['mcp-session-id']).toBe(SESSION);
    expect(answer.headers['set-cookie']).toBeUndefined();
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    expect((await send(setup.proxy.url, { method: 'DELETE' })).status).toBe(200);
    expect((await send(setup.proxy.url, { method: 'GET' })).status).toBe(405);
  });

  promise('P8', 'events one by one, as they come', async () => {
    let go: () => void = () => {};
    await using setup = await setUp((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(': keep-alive\n\n');
      go = () => response.end('data: second\n\n');
    });
    const request = httpRequest(setup.proxy.url, { method: 'GET', headers: { authorization: `Bearer ${TOKEN}` } });
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const [first] = (await once(response, 'data')) as [Buffer];
    expect(first.toString()).toBe(': keep-alive\n\n');
    go();
    const [second] = (await once(response, 'data')) as [Buffer];
    expect(second.toString()).toBe('data: second\n\n');
  });

  promise('P8', 'a client that leaves, which ends the request at the server', async () => {
    const { promise: gone, resolve } = Promise.withResolvers<void>();
    await using setup = await setUp((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      response.once('close', resolve);
    });
    const request = httpRequest(setup.proxy.url, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    });
    request.on('error', () => {});
    request.end(ping);
    await once(request, 'response');
    request.destroy();
    await gone;
  });

  promise('P8', 'tens of megabytes, byte for byte', async () => {
    const data = Buffer.alloc(24 << 20, 'AbC0').toString('base64');
    await using setup = await setUp((_, response, body) => response.end(body));
    const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"data":"${data}"}}`;
    expect((await send(setup.proxy.url, { body })).body === body).toBe(true);
  });

  promise('P8', 'an answer that breaks off, as one that breaks off', async () => {
    await using setup = await setUp((request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: x\n\n', () => request.socket.destroy());
    });
    await expect(send(setup.proxy.url)).rejects.toThrow();
  });
});

describe('what the proxy says itself', () => {
  const no = async (): Promise<never> => {
    throw new RefusedError('workload.reference', 'the code has changed');
  };

  promise('P2', 'does not start with a server that is refused', async () => {
    await expect(setUp(serveMcp, no)).rejects.toMatchObject({ check: 'workload.reference' });
  });

  promise('P2', 'stops for good at a server that has changed, and names the check', async () => {
    let connections = 0;
    await using setup = await setUp(
      (request, response, body) => {
        response.setHeader('connection', 'close');
        serveMcp(request, response, body);
      },
      async () => {
        connections++;
        if (connections > 1) await no();
      },
    );
    expect((await send(setup.proxy.url)).status).toBe(200);
    for (let attempt = 0; attempt < 2; attempt++) {
      const { status, body } = await send(setup.proxy.url);
      expect([status, JSON.parse(body)]).toMatchObject([
        403,
        { id: 7, error: { code: REFUSED_CODE, data: { check: 'workload.reference', verdict: 'rejected' } } },
      ]);
    }
    expect([connections, setup.seen.length, setup.refusals.length]).toEqual([2, 1, 1]);
    expect(setup.proxy.refused()).toMatchObject({ exitCode: 1 });
  });

  promise('P7', 'says 503 when nothing could be found out, and tries again the next time', async () => {
    let connections = 0;
    await using setup = await setUp(
      (request, response, body) => {
        response.setHeader('connection', 'close');
        serveMcp(request, response, body);
      },
      async () => {
        connections++;
        if (connections === 2) throw new UnreachableError('attest.busy', 'busy');
      },
    );
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 3; attempt++) statuses.push((await send(setup.proxy.url)).status);
    expect(statuses).toEqual([200, 503, 200]);
  });

  promise('P7', 'says 502 for a call whose connection broke, and that it may have run', async () => {
    await using setup = await setUp((request) => void request.socket.destroy());
    const body = '{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"pay"}}';
    const answer = await send(setup.proxy.url, { body });
    expect(answer.status).toBe(502);
    expect(JSON.parse(answer.body)).toMatchObject({
      id: 9,
      error: { code: NO_ANSWER_CODE, data: { mayHaveRun: true } },
    });
    expect(setup.seen).toHaveLength(1);
  });

  test('does not hand on a sign-in of the server as its own', async () => {
    await using setup = await setUp((_, response) => {
      response.writeHead(401, { 'www-authenticate': 'Bearer resource_metadata="https://x.example"' }).end();
    });
    const answer = await send(setup.proxy.url);
    expect(answer.status).toBe(502);
    expect(answer.headers['www-authenticate']).toBeUndefined();
    expect(JSON.parse(answer.body)).toMatchObject({ id: 7, error: { data: { check: 'proxy.sign-in' } } });
  });
});

describe('clients of the official SDK', () => {
  for (const mode of ['legacy', 'auto'] as const) {
    promise('P8', `list and call tools through the proxy (${mode})`, async () => {
      const handler = toNodeHandler(
        createMcpHandler(() => {
          const mcp = new McpServer({ name: 'test', version: '1.0.0' });
          const inputSchema = fromJsonSchema<{ text: string }>({
            type: 'object',
            properties: { text: { type: 'string' } },
          });
          mcp.registerTool('echo', { inputSchema }, async ({ text }, context) => {
            await context.mcpReq.notify({
              method: 'notifications/progress',
              params: { progressToken: context.mcpReq._meta?.progressToken ?? 0, progress: 1 },
            });
            return { content: [{ type: 'text', text }] };
          });
          return mcp;
        }),
      );
      await using setup = await setUp((request, response, body) => {
        void handler(request as Parameters<typeof handler>[0], response, JSON.parse(body === '' ? 'null' : body));
      });
      const client = new Client({ name: 'test', version: '1.0.0' }, { versionNegotiation: { mode } });
      const requestInit = { headers: { authorization: `Bearer ${TOKEN}` } };
      await client.connect(new StreamableHTTPClientTransport(new URL(setup.proxy.url), { requestInit }));
      expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['echo']);
      let progress = 0;
      const result = await client.callTool(
        { name: 'echo', arguments: { text: 'grüße' } },
        { onprogress: () => progress++ },
      );
      expect([result.content, progress]).toEqual([[{ type: 'text', text: 'grüße' }], 1]);
      const versions = new Set(setup.seen.map(({ headers }) => headers['mcp-protocol-version']));
      expect(versions.has('2026-07-28')).toBe(mode === 'auto');
      await client.close();
    });
  }
});
