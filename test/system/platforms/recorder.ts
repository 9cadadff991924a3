/**
 * Stands between two ends of a connection and keeps what passes, both ways. For tests.
 *
 * @module
 */
import { connect, createServer, type Socket } from 'node:net';

/** A Unix socket, or a port on loopback. */
type Place = { readonly path: string } | { readonly port: number };

export interface Recorder {
  /** Where it listens; 0 on a Unix socket. */
  readonly port: number;
  /** Everything that has passed, each direction of each connection in one piece. */
  heard(): Buffer;
  close(): Promise<void>;
}

/** @param at - Where to listen; a free port without it. */
export async function startRecorder(target: Place, at: Place = { port: 0 }): Promise<Recorder> {
  const pieces: Buffer[][] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (inside) => {
    const outside = connect('path' in target ? target : { ...target, host: '127.0.0.1' });
    for (const [from, to] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      const said: Buffer[] = [];
      pieces.push(said);
      sockets.add(from);
      from.on('data', (chunk: Buffer) => said.push(chunk));
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.end();
      });
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen('path' in at ? at : { ...at, host: '127.0.0.1' }, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    heard: () => Buffer.concat(pieces.flat()),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
