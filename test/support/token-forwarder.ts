/**
 * For programs that cannot send a header of their own choice: a loopback port that passes every byte on
 * to a local endpoint and adds the token that opens it.
 *
 * @module
 */
import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Forwarder {
  /** The endpoint without the need for a token. */
  readonly url: string;
  close(): Promise<void>;
}

/** Forwards to `target`. A Host header that names the forwarder names the target there; all others pass unchanged. */
export async function forwardWithToken(target: URL, token: string): Promise<Forwarder> {
  let own = '';
  const server = createServer((incoming, outgoing) => {
    const { host } = incoming.headers;
    const upstream = httpRequest(target, {
      method: incoming.method,
      headers: {
        ...incoming.headers,
        host: host === own ? target.host : host,
        authorization: `Bearer ${token}`,
      },
    });
    upstream.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      outgoing.flushHeaders();
      answer.pipe(outgoing);
      answer.on('error', () => outgoing.destroy());
    });
    upstream.on('error', () => outgoing.destroy());
    outgoing.on('close', () => upstream.destroy());
    incoming.pipe(upstream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  own = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${own}${target.pathname}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
