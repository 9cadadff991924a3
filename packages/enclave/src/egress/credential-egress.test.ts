import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import type { CredentialSpec } from '@vitrine/documents';
import { expect, onTestFinished, vi } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { addressRefusal } from './addresses.ts';
import type { EgressCredentials } from './credential-egress.ts';
import { type EgressOptions, type EgressProxy, openEgressProxy } from './egress-proxy.ts';
import { type TlsHost, tlsHost } from './testing/tls-host.ts';

const HOST = 'api.example.com';
const VALUE = 'Canary-4c1d';

interface Bench {
  readonly proxy: EgressProxy;
  readonly socket: string;
  readonly refusals: string[];
  readonly asked: string[];
}

interface Change {
  readonly spec?: Partial<CredentialSpec>;
  readonly credentials?: Partial<EgressCredentials>;
  readonly proxy?: Partial<EgressOptions>;
}

async function bench(host: TlsHost, { spec, credentials, proxy: more }: Change = {}): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'vitrine-credentials-'));
  const [refusals, asked]: [string[], string[]] = [[], []];
  const socket = join(folder, 'egress.sock');
  const api: CredentialSpec = {
    owner: '0'.repeat(64),
    header: 'authorization',
    prefix: 'Bearer ',
    allow: [{ host: HOST, port: host.port, methods: ['GET', 'POST'], paths: ['/v1/'] }],
    ...spec,
  };
  const proxy = await openEgressProxy({
    socket,
    rules: [],
    credentials: {
      specs: { api },
      value: async (name) => {
        asked.push(name);
        return VALUE;
      },
      anchors: [host.anchor],
      ...credentials,
    },
    tellsDestinations: true,
    resolve: async () => ['127.0.0.1'],
    refusal: (address) => (address === '127.0.0.1' ? undefined : addressRefusal(address)),
    onRefusal: (line) => refusals.push(line),
    ...more,
  });
  onTestFinished(async () => {
    await proxy.close();
    rmSync(folder, { recursive: true });
  });
  return { proxy, socket, refusals, asked };
}

interface Got {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

async function through(
  { socket }: Bench,
  url: string,
  headers: Record<string, string | string[]> = {},
  method = 'GET',
  body = '',
): Promise<Got> {
  const outgoing = request({ socketPath: socket, method, path: url, headers: { host: HOST, ...headers } });
  outgoing.end(body);
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of answer) text += String(chunk);
  return { status: answer.statusCode, headers: answer.headers, text };
}

promise('P4', 'the value is added on the way out, over a verified connection of the enclave’s own', async () => {
  const host = await tlsHost(HOST);
  const open = await bench(host);
  const got = await through(open, `http://${HOST}/v1/charges?a=1`, { 'x-own': 'y' }, 'POST', 'body');
  expect([got.status, got.text]).toEqual([200, 'body']);
  const [seen] = host.seen;
  expect([seen?.method, seen?.url]).toEqual(['POST', '/v1/charges?a=1']);
  expect(seen?.headers).toMatchObject({ authorization: `Bearer ${VALUE}`, host: `${HOST}:${host.port}`, 'x-own': 'y' });
  expect(host.names).toEqual([HOST]);
  expect(open.proxy.counts().get(`${HOST}:${host.port}`)).toMatchObject({ connections: 1, refused: 0 });
});

promise(
  'P4',
  'what the server itself puts into that header, or says of another method or path, does not pass',
  async () => {
    const host = await tlsHost(HOST);
    const open = await bench(host, { spec: { header: 'x-api-key' } });
    await through(open, `http://${HOST}/v1/x`, {
      'X-Api-Key': ['mine', 'mine too'],
      x_api_key: 'mine',
      'X-HTTP-Method-Override': 'DELETE',
      X_HTTP_Method: 'DELETE',
      'X-Original-URL': '/admin',
      'X-Forwarded-Host': 'other.example.com',
      'X-Forwarded-Prefix': '/admin',
      Forwarded: 'host=other.example.com',
      'x.api.key': 'mine',
      'Proxy-Authorization': 'x',
      Connection: 'keep-alive, X-Dropped',
      'X-Dropped': 'x',
    });
    const names = Object.keys(host.seen[0]?.headers ?? {}).sort();
    expect(names).toEqual(['connection', 'host', 'x-api-key']);
    expect(host.seen[0]?.headersDistinct['x-api-key']).toEqual([`Bearer ${VALUE}`]);
  },
);

for (const method of ['GET', 'HEAD', 'DELETE', 'POST']) {
  promise('P4', `what ${method} has as its body never becomes a request of its own`, async () => {
    const host = await tlsHost(HOST, (incoming, response) => incoming.resume().once('end', () => response.end()));
    const open = await bench(host, {
      spec: { allow: [{ host: HOST, port: host.port, methods: ['GET', 'HEAD', 'DELETE', 'POST'], paths: ['/v1/'] }] },
    });
    const hidden = `DELETE /admin HTTP/1.1\r\nHost: ${HOST}\r\nAuthorization: mine\r\n\r\n`;
    const client = connect(open.socket);
    onTestFinished(() => void client.destroy());
    // The header that says where the body ends is named as one that must not go on.
    client.write(
      `${method} http://${HOST}/v1/x HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close, Content-Length\r\n` +
        `Content-Length: ${hidden.length}\r\n\r\n${hidden}`,
    );
    let text = '';
    for await (const chunk of client) text += String(chunk);
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(host.seen.map((one) => [one.url, one.headers['content-length']])).toEqual([
      ['/v1/x', String(hidden.length)],
    ]);
  });
}

promise('P4', 'the value is asked for with each request, and a new one is used at once', async () => {
  const host = await tlsHost(HOST);
  let version = 0;
  const open = await bench(host, { credentials: { value: async () => `v${++version}` } });
  for (const _ of [1, 2]) await through(open, `http://${HOST}/v1/x`);
  expect(host.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer v1', 'Bearer v2']);
});

promise('P4', 'a credential that was not handed in, or cannot be had, is an error that says so', async () => {
  const host = await tlsHost(HOST);
  const missing = await bench(host, { credentials: { value: async () => undefined } });
  const got = await through(missing, `http://${HOST}/v1/x`);
  expect([got.status, got.text]).toEqual([503, expect.stringContaining('vitrine secrets seal api')]);
  const failing = await bench(host, { credentials: { value: () => Promise.reject(new Error(VALUE)) } });
  const none = await through(failing, `http://${HOST}/v1/x`);
  expect(none.status).toBe(503);
  expect(none.text).not.toContain(VALUE);
  expect(host.seen).toEqual([]);
});

for (const [what, url, method] of [
  ['another method', `http://${HOST}/v1/x`, 'DELETE'],
  ['another path', `http://${HOST}/v2/x`, 'GET'],
  ['a way up', `http://${HOST}/v1/../admin`, 'GET'],
  ['another port', `http://${HOST}:1/v1/x`, 'GET'],
] as const) {
  promise('P4', `a request with ${what} goes nowhere, with or without the value`, async () => {
    const host = await tlsHost(HOST);
    const open = await bench(host);
    const got = await through(open, url, { host: new URL(url).host }, method);
    expect(got.status).toBe(403);
    expect([host.seen, open.asked]).toEqual([[], []]);
    expect(open.refusals).toHaveLength(1);
    expect(open.proxy.counts().values().next().value?.refused).toBe(1);
  });
}

promise('P4', 'a host that cannot show who it is gets nothing', async () => {
  const [right, wrongName, wrongAnchor] = [
    await tlsHost(HOST),
    await tlsHost('other.example.com'),
    await tlsHost(HOST),
  ];
  for (const [host, anchors] of [
    [wrongName, [wrongName.anchor]],
    [wrongAnchor, [right.anchor]],
    [wrongAnchor, []],
  ] as const) {
    const open = await bench(host, { credentials: { anchors } });
    const got = await through(open, `http://${HOST}/v1/x`);
    expect([got.status, got.text]).toEqual([502, `no verified TLS connection to ${HOST}\n`]);
    expect(host.seen).toEqual([]);
  }
});

promise('P4', 'a host that speaks no TLS gets nothing, and is given up in time', async () => {
  const host = await tlsHost(HOST);
  const silent = await bench(host, { proxy: { limits: { connectMs: 50 } } });
  // Plain HTTP instead of TLS, at the port of the proxy's own choice.
  const { createServer } = await import('node:net');
  let said = '';
  const plain = createServer(
    (client) => void client.on('error', () => undefined).on('data', (bytes) => (said += bytes.toString('latin1'))),
  ).listen(0, '127.0.0.1');
  await once(plain, 'listening');
  onTestFinished(() => void plain.close());
  const { port } = plain.address() as { readonly port: number };
  const open = await bench({ ...host, port }, { proxy: { limits: { connectMs: 50 } } });
  expect((await through(open, `http://${HOST}/v1/x`)).status).toBe(502);
  expect(said).not.toContain(VALUE);
  expect(silent.refusals).toEqual([]);
});

promise('P3', 'the name is resolved and judged as for every other destination', async () => {
  const host = await tlsHost(HOST);
  const open = await bench(host, { proxy: { resolve: async () => ['169.254.169.254'] } });
  expect((await through(open, `http://${HOST}/v1/x`)).status).toBe(403);
  expect(open.refusals[0]).toContain('169.254.169.254');
});

promise('P4', 'a redirect is told to the server and not followed', async () => {
  const host = await tlsHost(HOST, (_request, response) =>
    response.writeHead(302, { Location: 'https://evil.example.com/' }).end(),
  );
  const open = await bench(host);
  const got = await through(open, `http://${HOST}/v1/x`);
  expect([got.status, got.headers.location]).toEqual([302, 'https://evil.example.com/']);
  expect(host.seen).toHaveLength(1);
});

promise('P4', 'a header that contains the value does not reach the server; the others do', async () => {
  const host = await tlsHost(HOST, (incoming, response) =>
    response
      .writeHead(200, {
        'X-Echo': String(incoming.headers.authorization),
        'Set-Cookie': ['a=1', `b=${VALUE}`],
        [`X-${VALUE}`]: '1',
        'X-Plain': 'yes',
        'Keep-Alive': 'timeout=5',
      })
      .end('ok'),
  );
  const got = await through(await bench(host), `http://${HOST}/v1/x`);
  expect(got.text).toBe('ok');
  expect(JSON.stringify(got.headers).toLowerCase()).not.toContain(VALUE.toLowerCase());
  expect(got.headers).toMatchObject({ 'set-cookie': ['a=1'], 'x-plain': 'yes' });
});

promise('P4', 'a value that cannot stand in a header is in no message either', async () => {
  const host = await tlsHost(HOST);
  const open = await bench(host, { credentials: { value: async () => `${VALUE}\r\nx: y` } });
  const got = await through(open, `http://${HOST}/v1/x`);
  expect(got.status).toBe(502);
  expect(got.text + open.refusals.join()).not.toContain(VALUE);
  expect(host.seen).toEqual([]);
});

/** What the proxy answers to CONNECT, and the connection. */
async function tunnel({ socket }: Bench, authority: string) {
  const client = connect(socket);
  onTestFinished(() => void client.destroy());
  client.on('error', () => undefined).write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
  const [chunk] = (await once(client, 'data')) as [Buffer];
  return { head: chunk.toString('latin1'), client };
}

promise('P4', 'nothing is tunnelled to such a host: the refusal says how it is called', async () => {
  const host = await tlsHost(HOST);
  const open = await bench(host, { proxy: { rules: [{ host: '*.example.com', port: 443 }] } });
  for (const port of [443, host.port, 22]) {
    const { head } = await tunnel(open, `${HOST}:${port}`);
    expect(head).toMatch(/^HTTP\/1\.1 403 /);
    expect(head).toContain(`call http://${HOST} through this proxy`);
  }
  expect(host.names).toEqual([]);
});

promise('P4', 'clients that tunnel plain HTTP too are served, under the same rules', async () => {
  const host = await tlsHost(HOST);
  const open = await bench(host);
  const { head, client } = await tunnel(open, `${HOST}:80`);
  expect(head).toMatch(/^HTTP\/1\.1 200 /);
  const say = async (text: string): Promise<string> => {
    client.write(text);
    const [answer] = (await once(client, 'data')) as [Buffer];
    return answer.toString('latin1');
  };
  expect(await say(`GET /v2/x HTTP/1.1\r\nHost: ${HOST}\r\nConnection: keep-alive\r\n\r\n`)).toMatch(
    /^HTTP\/1\.1 403 /,
  );
  const again = await tunnel(open, `${HOST}:80`);
  again.client.write(`GET /v1/x HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
  await vi.waitFor(() => expect(host.seen[0]?.headers.authorization).toBe(`Bearer ${VALUE}`));
});

for (const [what, bytes] of [
  ['another host', 'GET /v1/x HTTP/1.1\r\nHost: other.example.com\r\n\r\n'],
  ['two hosts', `GET /v1/x HTTP/1.1\r\nHost: ${HOST}\r\nHost: ${HOST}\r\n\r\n`],
  ['a whole URL', `GET http://${HOST}/v1/x HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`],
] as const) {
  promise('P4', `within such a tunnel, ${what} is refused`, async () => {
    const host = await tlsHost(HOST);
    const { client } = await tunnel(await bench(host), `${HOST}:80`);
    client.write(bytes);
    const [answer] = (await once(client, 'data')) as [Buffer];
    expect(answer.toString('latin1')).toMatch(/^HTTP\/1\.1 40[03] /);
    expect(host.seen).toEqual([]);
  });
}

promise('P1', 'such a tunnel holds no further one, so that they cannot be nested without end', async () => {
  const host = await tlsHost(HOST);
  const open = await bench(host);
  const { client } = await tunnel(open, `${HOST}:80`);
  const ended = once(client, 'close');
  client.write(`CONNECT ${HOST}:80 HTTP/1.1\r\nHost: ${HOST}:80\r\n\r\n`);
  const [answer] = (await once(client, 'data')) as [Buffer];
  expect(answer.toString('latin1')).toMatch(/^HTTP\/1\.1 403 /);
  await ended;
  expect(open.refusals).toEqual([expect.stringContaining('a tunnel holds no further one')]);
});

promise('P4', 'TLS within such a tunnel reaches nobody', async () => {
  const host = await tlsHost(HOST);
  const { client } = await tunnel(await bench(host), `${HOST}:80`);
  const secure = connectTls({ socket: client, servername: HOST, rejectUnauthorized: false });
  const [error] = (await once(secure, 'error')) as [Error];
  expect(error).toBeInstanceOf(Error);
  expect(host.names).toEqual([]);
});
