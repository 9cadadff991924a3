/**
 * A TLS server whose attest reply is whatever a test wants, byte for byte, and which counts what
 * else reaches it. Loopback only.
 *
 * @module
 */
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { createInstanceIdentity, type InstanceIdentity } from '@vitrine/attester';
import { fromBase64Url } from '@vitrine/documents';

/** What the server sees of one attest request. */
export interface AttestContext {
  readonly nonce: Uint8Array;
  readonly exporter: Uint8Array;
  readonly identity: InstanceIdentity;
  /** The request as it was received. */
  readonly request: string;
  readonly socket: TLSSocket;
}

export interface TestServerOptions {
  /** Raw bytes of the reply; `undefined` sends none. */
  readonly attest: (context: AttestContext) => Promise<string | Buffer | undefined>;
  /** What is served after it. */
  readonly serve?: (request: IncomingMessage, response: ServerResponse, body: string) => void;
  readonly tls?: TlsOptions;
}

export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly identity: InstanceIdentity;
  /** Attest requests so far. */
  readonly attested: () => number;
  /** Bytes that came after an attest exchange: MCP bytes. */
  readonly otherBytes: () => number;
  readonly sockets: ReadonlySet<TLSSocket>;
}

/** An HTTP reply with a body and its length. */
export function reply(body: string | Buffer, status = '200 OK', headers = ''): Buffer {
  const bytes = Buffer.from(body);
  return Buffer.concat([
    Buffer.from(
      `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\n${headers}Content-Length: ${bytes.length}\r\n\r\n`,
    ),
    bytes,
  ]);
}

export async function startTestServer({ attest, serve, tls }: TestServerOptions): Promise<TestServer> {
  const identity = createInstanceIdentity(new Date());
  const sockets = new Set<TLSSocket>();
  let attested = 0;
  let otherBytes = 0;
  const http = createHttpServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => serve?.(request, response, Buffer.concat(chunks).toString('utf8')));
  });
  const server = createServer(
    {
      cert: identity.certificatePem,
      key: identity.privateKeyPem,
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['http/1.1'],
      ...tls,
    },
    (socket) => {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('close', () => sockets.delete(socket)).on('error', () => {});
      let request = '';
      const reply = async ({ nonce }: { nonce: string }): Promise<void> => {
        const exporter = Uint8Array.from(
          socket.getProtocol() === 'TLSv1.3'
            ? socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
            : [],
        );
        const answer = await attest({
          nonce: fromBase64Url(nonce) ?? new Uint8Array(),
          exporter,
          identity,
          request,
          socket,
        });
        if (answer !== undefined) socket.write(answer);
      };
      const onData = (chunk: Buffer): void => {
        request += chunk.toString('latin1');
        const body = /\r\n\r\n(\{.*\})$/s.exec(request)?.[1];
        if (body === undefined) return;
        socket.off('data', onData);
        attested++;
        socket.once('data', (more: Buffer) => {
          otherBytes += more.length;
          socket.pause().unshift(more);
          http.emit('connection', socket);
          socket.resume();
        });
        void reply(JSON.parse(body) as { nonce: string });
      };
      socket.on('data', onData);
    },
  );
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    identity,
    attested: () => attested,
    otherBytes: () => otherBytes,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      http.close();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
