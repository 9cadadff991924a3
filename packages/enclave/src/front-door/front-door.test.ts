import { createHash, X509Certificate } from 'node:crypto';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { ask, dial, exchange, openDoor, speakPlain } from '../testing/open-door.ts';
import type { HealthState } from './front-door.ts';

const get = (target: string, ...headers: readonly string[]): readonly string[] => [
  `GET ${target} HTTP/1.1`,
  'Host: localhost:PORT',
  ...headers,
];

async function status(...head: readonly string[]): Promise<number> {
  const { door } = await openDoor();
  return (
    await ask(
      door,
      head.map((line) => line.replaceAll('PORT', String(door.port))),
    )
  ).status;
}

test('MCP requests reach the gateway, with the security headers', async () => {
  const { door, served } = await openDoor();
  const answer = await ask(door, ['POST /mcp HTTP/1.1', `Host: 127.0.0.1:${door.port}`, 'Content-Length: 2'], '{}');
  expect(answer).toMatchObject({ status: 200, body: expect.stringContaining('from the gateway') });
  expect(served).toEqual(['/mcp']);
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  });
  expect([...answer.headers.keys()]).not.toContain('server');
  expect([...answer.headers.keys()]).not.toContain('x-powered-by');
});

promise('P1', 'everything but the known paths is a 404 that does not repeat what was asked', async () => {
  const { door, served } = await openDoor();
  for (const path of ['/', '/mcp/', '/MCP', '/mcp%2f', '/.well-known/vitrine', '/quote', '/healthz/x']) {
    const answer = await ask(door, [`GET ${path} HTTP/1.1`, `Host: localhost:${door.port}`]);
    expect([path, answer.status, answer.body]).toEqual([
      path,
      404,
      '{"type":"vitrine/error/v1","code":"request.path","message":"there is nothing here"}',
    ]);
  }
  expect(served).toEqual([]);
});

const hosts: Readonly<Record<string, number>> = {
  'localhost:PORT': 200,
  'LOCALHOST:PORT': 200,
  '127.0.0.1:PORT': 200,
  '[::1]:PORT': 200,
  'bank.example': 200,
  'evil.example': 403,
  'evil.example:PORT': 403,
  localhost: 403,
  'localhost:1': 403,
  'localhost.:PORT': 403,
  'localhost.evil.example:PORT': 403,
  'user@localhost:PORT': 403,
  'localhost:PORT@evil.example': 403,
  '127.0.0.2:PORT': 403,
  '2130706433:PORT': 403,
  'bank.example:PORT': 403,
  '': 403,
};
for (const [host, expected] of Object.entries(hosts)) {
  promise('P1', `Host ${JSON.stringify(host)} gets ${expected}`, async () => {
    expect(await status('GET /mcp HTTP/1.1', `Host: ${host}`)).toBe(expected);
  });
}

const origins: Readonly<Record<string, number>> = {
  'https://localhost:PORT': 200,
  'https://bank.example': 200,
  'http://localhost:PORT': 403,
  'https://evil.example': 403,
  'https://localhost': 403,
  'https://localhost:PORT.evil.example': 403,
  null: 403,
  '': 403,
};
for (const [origin, expected] of Object.entries(origins)) {
  promise('P1', `Origin ${JSON.stringify(origin)} gets ${expected}`, async () => {
    expect(await status(...get('/mcp', `Origin: ${origin}`))).toBe(expected);
  });
}

const refused: Readonly<Record<string, readonly [readonly string[], number]>> = {
  'two Host headers': [get('/mcp', 'Host: localhost:PORT'), 400],
  'a second, foreign Host header': [get('/mcp', 'Host: evil.example'), 400],
  'no Host header': [['GET /mcp HTTP/1.1'], 400],
  'two Authorization headers': [get('/mcp', 'Authorization: Bearer a', 'authorization: Bearer b'), 400],
  'two Content-Type headers': [get('/mcp', 'Content-Type: application/json', 'Content-Type: text/plain'), 400],
  'two Origin headers': [get('/mcp', 'Origin: https://localhost:PORT', 'Origin: https://localhost:PORT'), 400],
  'two session headers': [get('/mcp', 'Mcp-Session-Id: a', 'Mcp-Session-Id: b'), 400],
  'an absolute target': [get('https://localhost:PORT/mcp'), 400],
  'an absolute target on another host': [get('http://evil.example/mcp'), 400],
  'a target that begins with two slashes': [get('//evil.example/mcp'), 400],
  'an asterisk': [['OPTIONS * HTTP/1.1', 'Host: localhost:PORT'], 405],
  TRACE: [['TRACE /mcp HTTP/1.1', 'Host: localhost:PORT'], 405],
  PUT: [['PUT /mcp HTTP/1.1', 'Host: localhost:PORT', 'Content-Length: 0'], 405],
  OPTIONS: [['OPTIONS /mcp HTTP/1.1', 'Host: localhost:PORT'], 405],
  'a method that is none': [['FETCH /mcp HTTP/1.1', 'Host: localhost:PORT'], 400],
  CONNECT: [['CONNECT evil.example:443 HTTP/1.1', 'Host: localhost:PORT'], 400],
  'Expect: 100-continue': [
    ['POST /mcp HTTP/1.1', 'Host: localhost:PORT', 'Content-Length: 1', 'Expect: 100-continue'],
    417,
  ],
  'another expectation': [get('/mcp', 'Expect: x'), 417],
  'a protocol upgrade': [get('/mcp', 'Connection: Upgrade', 'Upgrade: websocket'), 400],
  'a compressed body': [
    ['POST /mcp HTTP/1.1', 'Host: localhost:PORT', 'Content-Length: 1', 'Content-Encoding: gzip'],
    415,
  ],
  'Content-Length and Transfer-Encoding': [
    ['POST /mcp HTTP/1.1', 'Host: localhost:PORT', 'Content-Length: 1', 'Transfer-Encoding: chunked'],
    400,
  ],
  'two lengths': [['POST /mcp HTTP/1.1', 'Host: localhost:PORT', 'Content-Length: 1', 'Content-Length: 2'], 400],
  'a folded header': [get('/mcp', 'X: a', ' b'), 400],
  'many headers': [get('/mcp', ...Array.from({ length: 64 }, (_, index) => `X-${index}: x`)), 431],
  'a header that is too long': [get('/mcp', `X: ${'x'.repeat(17 * 1024)}`), 431],
  'HTTP/2': [['PRI * HTTP/2.0', '', 'SM'], 400],
  garbage: [['\u0001\u0002\u0003'], 400],
};
for (const [what, [head, expected]] of Object.entries(refused)) {
  promise('P1', `${what} is refused before the gateway sees it`, async () => {
    const { door, served } = await openDoor();
    const answer = await ask(
      door,
      head.map((line) => line.replaceAll('PORT', String(door.port))),
    );
    expect(answer.status).toBe(expected);
    expect(served).toEqual([]);
  });
}

promise(
  'P2',
  'the certificate is the one that the boot binding names, and the connection is TLS 1.3 with http/1.1',
  async () => {
    const { door, identity } = await openDoor();
    const socket = await dial(door.port, { ALPNProtocols: ['h2', 'http/1.1'] });
    const leaf = new X509Certificate(socket.getPeerCertificate(false).raw);
    const spki = createHash('sha256')
      .update(leaf.publicKey.export({ type: 'spki', format: 'der' }))
      .digest();
    expect(Uint8Array.from(spki)).toEqual(identity.spkiSha256);
    expect([socket.getProtocol(), socket.alpnProtocol]).toEqual(['TLSv1.3', 'http/1.1']);
  },
);

promise('P2', 'TLS 1.2 is refused', async () => {
  const { door } = await openDoor();
  await expect(dial(door.port, { maxVersion: 'TLSv1.2', minVersion: 'TLSv1.2' })).rejects.toThrow();
});

promise('P2', 'HTTP/2 alone is refused', async () => {
  const { door } = await openDoor();
  await expect(dial(door.port, { ALPNProtocols: ['h2'] })).rejects.toThrow();
});

promise('P2', 'a session is never resumed', async () => {
  const { door } = await openDoor();
  const sessions: Buffer[] = [];
  const first = await dial(door.port);
  first.on('session', (session) => sessions.push(session));
  await exchange(first, `GET /healthz HTTP/1.1\r\nHost: localhost:${door.port}\r\n\r\n`);
  const known = first.getSession();
  first.destroy();
  const offered = [...sessions, ...(known === undefined ? [] : [known])];
  expect(offered.length).toBeGreaterThan(0);
  for (const session of offered) {
    const again = await dial(door.port, { session });
    expect(again.isSessionReused()).toBe(false);
    again.destroy();
  }
});

test('plain HTTP to the TLS port is closed, and the next client is served', async () => {
  const { door } = await openDoor();
  expect(await speakPlain(door.port, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')).not.toContain('HTTP/1.1 200');
  expect(await speakPlain(door.port, '\0'.repeat(64))).not.toContain('HTTP/');
  expect((await ask(door, [`GET /healthz HTTP/1.1`, `Host: localhost:${door.port}`])).status).toBe(200);
});

test('health: alive from the start, ready only when it is', async () => {
  let state: HealthState = 'starting';
  const { door, served } = await openDoor({ state: () => state });
  const on = async (path: string, method = 'GET'): Promise<string> => {
    const answer = await ask(door, [`${method} ${path} HTTP/1.1`, `Host: localhost:${door.port}`, 'Content-Length: 0']);
    return `${answer.status} ${answer.body === '' ? '' : (JSON.parse(answer.body).code ?? JSON.parse(answer.body).status)}`;
  };
  expect(await on('/healthz')).toBe('200 alive');
  expect(await on('/readyz')).toBe('503 starting');
  expect(await on('/mcp')).toBe('503 starting');
  expect(served).toEqual([]);
  state = 'ready';
  expect(await on('/readyz')).toBe('200 ready');
  expect(await on('/readyz', 'POST')).toBe('405 request.method');
  state = 'draining';
  expect(await on('/readyz')).toBe('503 draining');
  expect(await on('/healthz')).toBe('200 alive');
});

test('a HEAD request gets the length and no body', async () => {
  const { door } = await openDoor();
  const socket = await dial(door.port);
  const { promise: closed, resolve } = Promise.withResolvers<string>();
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString())).once('close', () => resolve(text));
  socket.write(`HEAD /healthz HTTP/1.1\r\nHost: localhost:${door.port}\r\nConnection: close\r\n\r\n`);
  expect((await closed).endsWith('\r\n\r\n')).toBe(true);
  expect(text).toContain('Content-Length: 18');
});

test('connections from one address are bounded, and places come back', async () => {
  const { door } = await openDoor({ limits: { connectionsPerAddress: 2 } });
  const sockets = [await dial(door.port), await dial(door.port)];
  await expect(dial(door.port)).rejects.toThrow();
  const gone = new Promise((resolve) => sockets[0]?.once('close', resolve));
  sockets[0]?.end();
  await gone;
  const { promise: again, resolve } = Promise.withResolvers<void>();
  const attempt = (): void =>
    void dial(door.port).then(
      () => resolve(),
      () => setImmediate(attempt),
    );
  attempt();
  await again;
});

test('a connection that sends nothing, or its headers too slowly, is closed', async () => {
  const { door } = await openDoor({ limits: { headersMs: 50, requestMs: 100 } });
  const silent = await dial(door.port);
  const slow = await dial(door.port);
  slow.write('GET /healthz HT');
  for (const socket of [silent, slow]) {
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
  }
});

test('a handshake that never comes is ended', async () => {
  const { door } = await openDoor({ limits: { handshakeMs: 50 } });
  expect(await speakPlain(door.port, '')).toBe('');
});

test('a port in use is a usage error that names it', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const port = (other.address() as { port: number }).port;
  try {
    await expect(openDoor({ listen: { host: '127.0.0.1', port, publicHosts: [] } })).rejects.toMatchObject({
      name: 'UsageError',
      code: 'listen.in-use',
      message: `cannot listen on 127.0.0.1:${port}: the port is in use. Choose another with --listen HOST:PORT; port 0 takes any free one`,
    });
  } finally {
    other.close();
  }
});

test('an address of another machine is a usage error', async () => {
  const opening = openDoor({ listen: { host: '192.0.2.1', port: 0, publicHosts: [] } });
  await expect(opening).rejects.toMatchObject({ name: 'UsageError', code: 'listen.address' });
});

test('closing ends connections that are open, and can be repeated', async () => {
  const { door } = await openDoor();
  const socket = await dial(door.port);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => undefined);
  await Promise.all([door.close(), door.close()]);
  await closed;
  await expect(dial(door.port)).rejects.toThrow();
});

test.runIf(process.platform === 'linux')('the address that it listens on is served, whichever it is', async () => {
  const { door } = await openDoor({ listen: { host: '127.0.0.2', port: 0, publicHosts: [] } });
  expect(door.url).toBe(`https://127.0.0.2:${door.port}/mcp`);
  const socket = await dial(door.port, { host: '127.0.0.2' });
  expect((await exchange(socket, `GET /mcp HTTP/1.1\r\nHost: 127.0.0.2:${door.port}\r\n\r\n`)).status).toBe(200);
});
