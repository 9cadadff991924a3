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
  /** Origin of the forwarder, such as `http://127.0.0.1:1234`. */
  readonly origin: string;
  /** Begins to forward to `target`; gives the URL of the same path here. */
  to(target: URL, token: string): string;
  close(): Promise<void>;
}

/** A Host header that names the forwarder names the target there; everything else passes unchanged. */
export async function createTokenForwarder(): Promise<Forwarder> {
  let own = '';
  let goal: { readonly target: URL; readonly token: string } | undefined;
  const server = createServer((incoming, outgoing) => {
    if (goal === undefined) {
      outgoing.writeHead(503).end();
      return;
    }
    const { host } = incoming.headers;
    const upstream = httpRequest(goal.target, {
      method: incoming.method,
      headers: {
        ...incoming.headers,
        host: host === own ? goal.target.host : host,
        authorization: `Bearer ${goal.token}`,
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
    origin: `http://${own}`,
    to(target, token) {
      goal = { target, token };
      return `http://${own}${target.pathname}`;
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
