import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, request } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, vi } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { addressRefusal } from './addresses.ts';
import { type EgressOptions, type EgressProxy, openEgressProxy } from './egress-proxy.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Opened {
  readonly proxy: EgressProxy;
  readonly socket: string;
  readonly refusals: readonly string[];
}

async function open(options: Partial<EgressOptions>): Promise<Opened> {
  const folder = mkdtempSync(join(tmpdir(), 'vitrine-egress-'));
  const socket = join(folder, 'egress.sock');
  const refusals: string[] = [];
  const proxy = await openEgressProxy({
    socket,
    rules: [],
    tellsDestinations: true,
    resolve: async () => ['127.0.0.1'],
    // The destinations of these tests are on this machine.
    refusal: (address) => (address === '127.0.0.1' ? undefined : addressRefusal(address)),
    onRefusal: (line) => refusals.push(line),
    ...options,
  });
  ends.push(() => {
    rmSync(folder, { recursive: true });
  });
  ends.push(() => proxy.close());
  return { proxy, socket, refusals };
}

/** A server on loopback that answers what it got. */
async function echo(): Promise<{ readonly port: number; readonly reached: () => number }> {
  let reached = 0;
  const server = createServer((client: Socket) => {
    reached += 1;
    client.on('error', () => undefined).pipe(client);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => server.close());
  return { port: (server.address() as AddressInfo).port, reached: () => reached };
}

/** Sends `head` to the proxy; the first line of its answer, and the socket. */
async function say(socket: string, head: string): Promise<{ readonly status: string; readonly client: Socket }> {
  const client = connect(socket);
  ends.push(() => client.destroy());
  client.on('error', () => undefined);
  client.write(head);
  const [chunk] = (await once(client, 'data')) as [Buffer];
  return { status: chunk.toString('latin1').split('\r\n')[0] ?? '', client };
}

const tunnel = (authority: string): string => `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`;

promise('P3', 'a tunnel to an allowed host carries bytes both ways, and is counted', async () => {
  const { port } = await echo();
  const { proxy, socket, refusals } = await open({ rules: [{ host: 'api.example.com', port }] });
  const { status, client } = await say(socket, tunnel(`api.example.com:${port}`));
  expect(status).toBe('HTTP/1.1 200 Connection Established');
  client.write('hello');
  const [answer] = (await once(client, 'data')) as [Buffer];
  expect(answer.toString()).toBe('hello');
  client.destroy();
  await proxy.close();
  expect(proxy.counts().get(`api.example.com:${port}`)).toMatchObject({ connections: 1, refused: 0, sent: 5 });
  expect(refusals).toEqual([]);
});

promise('P1', 'a server that tries without end does not fill the log, and is counted all the same', async () => {
  let now = 0;
  const { proxy, socket, refusals } = await open({ now: () => now });
  const client = connect(socket);
  ends.push(() => client.destroy());
  const tries = 'GET http://evil.example.com/ HTTP/1.1\r\nHost: evil.example.com\r\n\r\n';
  const refused = (): number | undefined => proxy.counts().get('evil.example.com:80')?.refused;
  client.on('error', () => undefined).resume();
  client.write(tries.repeat(200));
  await vi.waitFor(() => expect(refused()).toBe(200));
  expect(refusals).toHaveLength(60);
  now += 60_000;
  await say(socket, tunnel('evil.example.com:443'));
  expect(refusals.slice(60)).toEqual([
    'egress: 140 more refusals were not shown',
    expect.stringContaining('egress to evil.example.com:443 refused'),
  ]);
});

promise('P3', 'a host that the manifest does not name is refused, counted and logged without content', async () => {
  const { port, reached } = await echo();
  const { proxy, socket, refusals } = await open({ rules: [{ host: 'api.example.com', port }] });
  const { status } = await say(socket, `${tunnel(`evil.example.com:${port}`)}SECRET`);
  expect(status).toBe('HTTP/1.1 403 Forbidden');
  expect(reached()).toBe(0);
  expect(refusals).toEqual([`egress to evil.example.com:${port} refused: the manifest does not allow it`]);
  expect(proxy.counts().get(`evil.example.com:${port}`)?.refused).toBe(1);
});

for (const [what, addresses] of [
  ['the metadata service', ['169.254.169.254']],
  ['a mapped address', ['::ffff:127.0.0.1']],
  ['a private address', ['10.0.0.1']],
  ['a unique local address', ['fd00::1']],
  ['one public and one private address', ['127.0.0.1', '192.168.0.1']],
] as const) {
  promise('P3', `an allowed name that leads to ${what} is refused`, async () => {
    const { port, reached } = await echo();
    const { socket, refusals } = await open({
      rules: [{ host: 'api.example.com', port }],
      resolve: async () => addresses,
    });
    expect((await say(socket, tunnel(`api.example.com:${port}`))).status).toBe('HTTP/1.1 403 Forbidden');
    expect(refusals[0]).toContain('the name leads to');
    expect(reached()).toBe(0);
  });
}

promise('P3', 'the connection goes to the address that was judged: the name is asked for once', async () => {
  const { port, reached } = await echo();
  let asked = 0;
  const { socket } = await open({
    rules: [{ host: 'api.example.com', port }],
    resolve: async () => {
      asked += 1;
      return asked === 1 ? ['127.0.0.1'] : ['169.254.169.254'];
    },
  });
  expect((await say(socket, tunnel(`api.example.com:${port}`))).status).toBe('HTTP/1.1 200 Connection Established');
  expect([asked, reached()]).toEqual([1, 1]);
});

for (const authority of ['127.0.0.1:80', '[::1]:80', '2130706433:80', '0x7f.1:80', 'localhost:80']) {
  promise('P3', `CONNECT ${authority} is refused as no host name`, async () => {
    const { proxy, socket } = await open({ rules: [{ host: 'api.example.com', port: 80 }] });
    expect((await say(socket, tunnel(authority))).status).toBe('HTTP/1.1 403 Forbidden');
    expect(proxy.counts().get('invalid')?.refused).toBe(1);
  });
}

promise('P3', 'a name without an address is refused', async () => {
  const { socket, refusals } = await open({
    rules: [{ host: 'api.example.com', port: 443 }],
    resolve: () => Promise.reject(new Error('ENOTFOUND')),
  });
  expect((await say(socket, tunnel('api.example.com:443'))).status).toBe('HTTP/1.1 403 Forbidden');
  expect(refusals[0]).toContain('no address');
});

async function plainServer(): Promise<{ readonly port: number; readonly seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = [];
  const server = createHttpServer((incoming, response) => {
    seen.push(incoming);
    response.writeHead(200, { 'Set-Cookie': ['a=1', 'b=2'], 'X-Answer': 'yes' });
    incoming.pipe(response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => server.close());
  return { port: (server.address() as AddressInfo).port, seen };
}

async function fetchThrough(socketPath: string, url: string, headers: Record<string, string>, body: string) {
  const outgoing = request({ socketPath, method: 'POST', path: url, headers });
  outgoing.end(body);
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of answer) text += String(chunk);
  return { status: answer.statusCode, headers: answer.headers, text };
}

promise('P3', 'plain HTTP to an allowed host passes, without what speaks of the connection', async () => {
  const { port, seen } = await plainServer();
  const { socket } = await open({ rules: [{ host: 'api.example.com', port }] });
  const host = `api.example.com:${port}`;
  const answer = await fetchThrough(
    socket,
    `http://${host}/path?q=1`,
    { host, 'proxy-authorization': 'x', 'x-own': 'y' },
    'body',
  );
  expect(answer).toMatchObject({
    status: 200,
    text: 'body',
    headers: { 'set-cookie': ['a=1', 'b=2'], 'x-answer': 'yes' },
  });
  expect(seen[0]?.url).toBe('/path?q=1');
  expect(seen[0]?.headers).toMatchObject({ host, 'x-own': 'y' });
  expect(seen[0]?.headers['proxy-authorization']).toBeUndefined();
});

promise('P3', 'plain HTTP whose Host header says something else is refused', async () => {
  const { port, seen } = await plainServer();
  const { socket } = await open({ rules: [{ host: 'api.example.com', port }] });
  const answer = await fetchThrough(socket, `http://api.example.com:${port}/`, { host: 'other.example.com' }, '');
  expect(answer.status).toBe(403);
  expect(seen).toEqual([]);
});

promise('P3', 'a request in origin form is refused: this is a proxy and nothing else', async () => {
  const { socket } = await open({});
  expect((await fetchThrough(socket, '/', { host: 'api.example.com' }, '')).status).toBe(403);
});

promise('P1', 'refusals of endless destinations cost no endless memory', async () => {
  const { proxy, socket } = await open({});
  for (let at = 0; at < 300; at++) {
    const { client } = await say(socket, tunnel(`h${at}.example.com:443`));
    client.destroy();
  }
  expect(proxy.counts().size).toBeLessThanOrEqual(257);
  expect(proxy.counts().get('other')?.refused).toBeGreaterThan(0);
});

/** A server that answers every connection with `bytes`. */
async function answering(bytes: string): Promise<{ readonly port: number; readonly open: Set<Socket> }> {
  const open = new Set<Socket>();
  const server = createServer((client: Socket) => {
    open.add(client);
    client
      .on('error', () => undefined)
      .once('close', () => open.delete(client))
      .resume();
    if (bytes !== '') client.once('data', () => client.write(bytes));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => server.close());
  return { port: (server.address() as AddressInfo).port, open };
}

for (const [what, bytes] of [
  ['a status that is none', 'HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n'],
  ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'],
  ['no HTTP', 'what?\r\n\r\n'],
  ['contradicting lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
] as const) {
  promise('P1', `an upstream that answers with ${what} is an error for the server, and ends nothing else`, async () => {
    const { port } = await answering(bytes);
    const { socket } = await open({ rules: [{ host: 'api.example.com', port }] });
    const host = `api.example.com:${port}`;
    const client = connect(socket);
    ends.push(() => client.destroy());
    client.on('error', () => undefined).resume();
    const closed = once(client, 'close');
    client.write(`GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    await closed;
    expect((await say(socket, tunnel(host))).status).toBe('HTTP/1.1 200 Connection Established');
  });
}

promise('P1', 'a client that leaves while it is being connected leaves no connection behind', async () => {
  const { port, open: upstreams } = await answering('');
  const asked = Promise.withResolvers<void>();
  const found = Promise.withResolvers<readonly string[]>();
  const { proxy, socket } = await open({
    rules: [{ host: 'api.example.com', port }],
    resolve: () => {
      asked.resolve();
      return found.promise;
    },
  });
  const host = `api.example.com:${port}`;
  const client = connect(socket);
  client.on('error', () => undefined).write(`GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  await asked.promise;
  client.destroy();
  await once(client, 'close');
  found.resolve(['127.0.0.1']);
  await vi.waitFor(() => expect(proxy.counts().get(host)).toMatchObject({ connections: 1 }));
  await vi.waitFor(() => expect(upstreams.size).toBe(0));
});

promise('P1', 'no more is resolved and connected at once than there may be connections', async () => {
  const { port } = await echo();
  let asked = 0;
  const { socket, refusals } = await open({
    rules: [{ host: 'api.example.com', port }],
    resolve: () => {
      asked += 1;
      return new Promise(() => undefined);
    },
    limits: { connections: 4 },
  });
  for (let at = 0; at < 12; at += 1) {
    const client = connect(socket);
    const host = `api.example.com:${port}`;
    client.on('error', () => undefined).write(`GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    await vi.waitFor(() => expect(asked + refusals.length).toBe(at + 1));
    client.destroy();
    await once(client, 'close');
  }
  expect(asked).toBe(4);
  expect(refusals[0]).toContain('too many connections');
});

promise('P1', 'what is not in the manifest is not named in a refusal, unless that was wanted', async () => {
  const { socket, refusals } = await open({ tellsDestinations: false });
  await say(socket, tunnel('what-users-said.example.com:443'));
  await say(socket, tunnel('10.0.0.1:443'));
  expect(refusals.join()).not.toContain('what-users-said');
  expect(refusals).toHaveLength(2);
});

promise('P1', 'a name that is never answered is given up in time', async () => {
  const { socket, refusals } = await open({
    rules: [{ host: 'api.example.com', port: 443 }],
    resolve: () => new Promise(() => undefined),
    limits: { connectMs: 1 },
  });
  expect((await say(socket, tunnel('api.example.com:443'))).status).toBe('HTTP/1.1 403 Forbidden');
  expect(refusals[0]).toContain('no address');
});

promise('P1', 'a request that cannot be made leaves no connection behind', async () => {
  const { port, open: upstreams } = await answering('');
  const { proxy, socket } = await open({ rules: [{ host: 'api.example.com', port }] });
  const host = `api.example.com:${port}`;
  const client = connect(socket);
  ends.push(() => client.destroy());
  client.on('error', () => undefined).resume();
  client.write(Buffer.from(`GET http://${host}/\u00ff HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 'latin1'));
  await once(client, 'close');
  await vi.waitFor(() => expect(upstreams.size).toBe(0));
  expect(proxy.counts().get(host)?.connections ?? 0).toBeLessThanOrEqual(1);
});

promise('P3', 'a body stays one, whatever the method: it is never read as a second request', async () => {
  const { port, seen } = await plainServer();
  const { socket } = await open({ rules: [{ host: 'api.example.com', port }] });
  const host = `api.example.com:${port}`;
  const smuggled = `GET /other HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  for (const method of ['GET', 'DELETE', 'POST']) {
    const outgoing = request({
      socketPath: socket,
      method,
      path: `http://${host}/one`,
      headers: { host, 'transfer-encoding': 'chunked' },
    });
    outgoing.end(smuggled);
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of answer) text += String(chunk);
    expect(text).toBe(smuggled);
  }
  expect(seen.map(({ url }) => url)).toEqual(['/one', '/one', '/one']);
});
