/**
 * An HTTP proxy on loopback that forwards CONNECT tunnels, or answers them otherwise.
 *
 * @module
 */
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

export interface ConnectProxyOptions {
  /** Raw answer instead of a tunnel. */
  readonly answer?: string;
  /** Where every tunnel leads, whatever was asked for. */
  readonly port?: number;
}

export interface ConnectProxy extends AsyncDisposable {
  readonly port: number;
  readonly asked: { readonly target: string; readonly authorization: string | undefined }[];
}

export async function startConnectProxy({ answer, port: target }: ConnectProxyOptions = {}): Promise<ConnectProxy> {
  const asked: { target: string; authorization: string | undefined }[] = [];
  const sockets = new Set<Socket>();
  const server = createServer();
  server.on('connect', (request, client: Socket) => {
    sockets.add(client.on('error', () => {}));
    asked.push({ target: request.url ?? '', authorization: request.headers['proxy-authorization'] });
    if (answer !== undefined) return client.end(answer);
    const port = target ?? Number(request.url?.split(':').at(-1));
    const upstream = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(client).pipe(upstream);
    });
    sockets.add(upstream.on('error', () => client.destroy()));
    return undefined;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
