/**
 * One request to a platform service: what it sends, what it takes, and how it fails.
 *
 * @module
 */
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, createServer as createTcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VitrineError } from '@vitrine/documents';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import {
  basicConstraints,
  ECDSA_WITH_SHA256,
  encodeCertificate,
  keyUsage,
  NO_EXPIRY,
  serverAuthentication,
} from './certificate-encode.ts';
import { derContextPrimitive, derSequence } from './der-encode.ts';
import { type Endpoint, type ExchangeRequest, exchange } from './http-exchange.ts';
import { encodePem } from './pem.ts';

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vx-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const open: Server[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) {
    await new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  }
});

let used = 0;
const socketPath = (): string => join(directory, `s${used++}`);

async function serve(listener: RequestListener, path: string = socketPath()): Promise<Endpoint> {
  const server = createHttpServer(listener);
  open.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return { kind: 'unix', path };
}

const GET: ExchangeRequest = {
  method: 'GET',
  path: '/thing',
  maxBytes: 1000,
  timeoutMs: 10_000,
  service: 'the service',
  refused: (status) => new VitrineError('test.refused', `refused with ${status}`),
};

const code = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'answered',
    (error: unknown) => (error instanceof VitrineError ? error.code : String(error)),
  );

test('the length of a body is that of its bytes, not of its characters', async () => {
  const seen: string[] = [];
  const endpoint = await serve((request, response) => {
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => seen.push(chunk));
    request.on('end', () => {
      seen.push(request.headers['content-length'] ?? '');
      response.end('ok');
    });
  });
  const answer = await exchange(endpoint, { ...GET, method: 'POST', json: '{"a":"é€😀"}' });
  expect(new TextDecoder().decode(answer.body)).toBe('ok');
  expect(seen).toEqual(['{"a":"é€😀"}', '17']);
});

test('an answer of exactly the limit is taken, and one byte more is not', async () => {
  const endpoint = await serve((_, response) => response.end('x'.repeat(1000)));
  expect((await exchange(endpoint, GET)).body).toHaveLength(1000);
  expect(await code(exchange(endpoint, { ...GET, maxBytes: 999 }))).toBe('attester.hardware');
});

test.each([
  [200, 'answered'],
  [204, 'answered'],
  [301, 'attester.hardware'],
  [304, 'attester.hardware'],
  [307, 'attester.hardware'],
  [400, 'test.refused'],
  [401, 'test.refused'],
  [404, 'test.refused'],
  [429, 'attester.busy'],
  [500, 'test.refused'],
  [503, 'attester.busy'],
])('status %d: %s', async (status, expected) => {
  let requests = 0;
  const endpoint = await serve((_, response) => {
    requests++;
    response.writeHead(status, { location: '/elsewhere' }).end();
  });
  expect(await code(exchange(endpoint, GET))).toBe(expected);
  expect(requests).toBe(1);
});

test('a service that never answers, or never finishes, is busy', async () => {
  const silent = await serve(() => undefined);
  const endless = await serve((_, response) => response.write('begun'));
  for (const endpoint of [silent, endless]) {
    expect(await code(exchange(endpoint, { ...GET, timeoutMs: 30 }))).toBe('attester.busy');
  }
});

test('a broken answer is a failure', async () => {
  const cut = await serve((_, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('part', () => response.destroy());
  });
  const cutChunks = await serve((_, response) => response.write('part', () => response.destroy()));
  const encoded = await serve((_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'));
  for (const endpoint of [cut, cutChunks, encoded])
    expect(await code(exchange(endpoint, GET))).toBe('attester.hardware');
});

test('nobody there is told apart from somebody who fails', async () => {
  const notASocket = join(directory, 'file');
  await writeFile(notASocket, '');
  expect(await code(exchange({ kind: 'unix', path: join(directory, 'absent') }, GET))).toBe('attester.unavailable');
  expect(await code(exchange({ kind: 'unix', path: notASocket }, GET))).toBe('attester.unavailable');
});

promise('P4', 'neither what was sent nor what was answered is in an error', async () => {
  const request: ExchangeRequest = {
    ...GET,
    method: 'POST',
    json: '"canary-sent"',
    headers: { authorization: 'Bearer canary-token' },
  };
  const answers: RequestListener[] = [
    (_, response) => response.writeHead(302).end('canary-answer'),
    (_, response) => response.writeHead(503).end('canary-answer'),
    (_, response) => response.end('canary-answer'.repeat(1000)),
    (_, response) =>
      response.writeHead(200, { 'content-length': '99' }).write('canary-answer', () => response.destroy()),
  ];
  for (const listener of answers) {
    const error: unknown = await exchange(await serve(listener), request).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(VitrineError);
    expect(`${String(error)} ${JSON.stringify(error)} ${String((error as Error).cause)}`).not.toContain('canary');
  }
});

test.each(['ftp://a', 'a', 'https://user@a', 'https://:p@a', 'https://a?q=1', 'https://a#f', ''])(
  '%s is no endpoint',
  async (url) => {
    expect(await code(exchange({ kind: 'url', url }, GET))).toBe('attester.endpoint');
  },
);

test('the path of a URL is put before that of the request, and its host is named', async () => {
  const seen: (string | undefined)[] = [];
  const path = socketPath();
  await serve((request, response) => {
    seen.push(request.url, request.headers.host);
    response.end();
  }, path);
  await exchange({ kind: 'url', url: 'http://broker.example:8080/base/', socketPath: path }, GET);
  expect(seen).toEqual(['/base/thing', 'broker.example:8080']);
});

interface TlsServer {
  readonly certificate: string;
  readonly socketPath: string;
  /** Names that clients asked for. */
  readonly names: string[];
  /** Everything that passed the relay. */
  readonly relayed: () => string;
}

/** A TLS server for `name`, behind a relay on a Unix socket. */
async function serveTls(name: string): Promise<TlsServer> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const subject = [['CN', name]] as const;
  const certificate = encodePem(
    'CERTIFICATE',
    encodeCertificate(
      {
        version: 3,
        serial: Uint8Array.of(1),
        signatureAlgorithm: ECDSA_WITH_SHA256,
        issuer: subject,
        subject,
        notBefore: new Date('2026-01-01T00:00:00Z'),
        notAfter: NO_EXPIRY,
        spki: publicKey.export({ type: 'spki', format: 'der' }),
        extensions: [
          basicConstraints('leaf'),
          keyUsage('digitalSignature'),
          serverAuthentication(),
          { oid: '2.5.29.17', critical: false, value: derSequence(derContextPrimitive(2, Buffer.from(name))) },
        ],
      },
      (bytes) => sign('sha256', bytes, privateKey),
    ),
  );
  const names: string[] = [];
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const server = createHttpsServer({ cert: certificate, key }, (request, response) => {
    names.push((request.socket as unknown as { servername: string }).servername);
    response.end('over TLS');
  });
  open.push(server as unknown as Server);
  const inner = socketPath();
  await new Promise<void>((resolve) => server.listen(inner, resolve));
  const passed: Uint8Array[] = [];
  const clients = new Set<Socket>();
  const relay = createTcpServer((client) => {
    const upstream = connect(inner);
    clients.add(client);
    client.on('data', (bytes) => passed.push(bytes)).on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    client.pipe(upstream).pipe(client);
  });
  const closeAllConnections = (): void => {
    for (const client of clients) client.destroy();
  };
  const outer = socketPath();
  await new Promise<void>((resolve) => relay.listen(outer, resolve));
  open.push(Object.assign(relay, { closeAllConnections }) as unknown as Server);
  return { certificate, socketPath: outer, names, relayed: () => Buffer.concat(passed).toString('latin1') };
}

promise('P1', 'through a relay, TLS ends here, under the name in the URL', async () => {
  const server = await serveTls('broker.example');
  const endpoint: Endpoint = {
    kind: 'url',
    url: 'https://broker.example',
    socketPath: server.socketPath,
    authorities: [server.certificate],
  };
  const answer = await exchange(endpoint, { ...GET, headers: { authorization: 'Bearer canary' } });
  expect(new TextDecoder().decode(answer.body)).toBe('over TLS');
  expect(server.names).toEqual(['broker.example']);
  expect(server.relayed()).not.toContain('canary');
  expect(server.relayed()).not.toContain('GET /thing');
});

promise('P1', 'a relay that leads elsewhere is refused, by name and by authority', async () => {
  const [server, other] = [await serveTls('broker.example'), await serveTls('broker.example')];
  const base = { kind: 'url', url: 'https://broker.example', socketPath: server.socketPath } as const;
  const wrongName = { ...base, url: 'https://other.example', authorities: [server.certificate] };
  const wrongAuthority = { ...base, authorities: [other.certificate] };
  for (const endpoint of [base, wrongName, wrongAuthority]) {
    expect(await code(exchange(endpoint, GET))).toBe('attester.unavailable');
  }
  expect(server.names).toEqual([]);
});
