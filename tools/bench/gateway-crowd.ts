/**
 * A client's calls beside nearly a thousand connections that want nothing good: some never begin TLS, some
 * are idle, some send their headers or bodies slowly, some never read their answers. They come from
 * several loopback addresses, since one address may not open so many. Linux only.
 *
 * @module
 */
import { connect as connectPlain, type Socket } from 'node:net';
import { connect } from 'node:tls';
import type { Installation } from '../packed.ts';
import { openLoad } from './gateway-load.ts';
import { subjects } from './gateway-subjects.ts';
import type { Figure } from './statistics.ts';

const ADDRESSES = 8;
/** Of each kind, from each address. */
const OF_EACH = 24;
const WIDTH = 4;
const ROUNDS = 5;
const RUN_MS = 2_000;
const SLOW_MS = 500;

interface Bad {
  readonly socket: Socket;
  /** What it sends slowly, if anything. */
  readonly drip: string | undefined;
}

export async function benchGatewayCrowd(installation: Installation): Promise<readonly Figure[]> {
  const [vitrine] = await subjects(installation);
  if (vitrine === undefined || process.platform !== 'linux') return [];
  const started = await vitrine.start();
  const client = await openLoad(started.url, '2026-07-28');
  const samples: { readonly alone: number[]; readonly beside: number[] } = { alone: [], beside: [] };
  let crowd: readonly Bad[] = [];
  try {
    await client.run(WIDTH, RUN_MS);
    for (let round = 0; round < ROUNDS; round++) samples.alone.push((await client.run(WIDTH, RUN_MS)).p99);
    for (let round = 0; round < ROUNDS; round++) {
      // The door has ended some of those before, so each round gets a fresh crowd.
      for (const { socket } of crowd) socket.destroy();
      crowd = await gather(Number(new URL(started.url).port));
      const dripping = setInterval(() => {
        for (const { socket, drip } of crowd) if (drip !== undefined && socket.writable) socket.write(drip);
      }, SLOW_MS);
      samples.beside.push((await client.run(WIDTH, RUN_MS)).p99);
      clearInterval(dripping);
    }
  } finally {
    for (const { socket } of crowd) socket.destroy();
    client.close();
    await started.stop();
  }
  const count = ADDRESSES * OF_EACH * KINDS.length;
  return [
    { name: `p99 of a client, ${WIDTH} calls at a time`, samples: samples.alone, unit: 'ms', target: '' },
    {
      name: `… beside ${count} slow, idle and half-open connections`,
      samples: samples.beside,
      unit: 'ms',
      target: 'under 250 ms',
    },
  ];
}

interface Kind {
  readonly tls: boolean;
  readonly first: string;
  readonly drip?: string;
}

const HEAD = 'POST /mcp HTTP/1.1\r\nHost: localhost:PORT\r\nContent-Type: application/json\r\n';
const KINDS: readonly Kind[] = [
  { tls: false, first: '' },
  { tls: true, first: '' },
  { tls: true, first: HEAD, drip: 'X-Slow: 1\r\n' },
  { tls: true, first: `${HEAD}Content-Length: 100000\r\n\r\n`, drip: ' ' },
  { tls: true, first: `${HEAD}Content-Length: 2\r\n\r\n{}`.repeat(50) },
];

async function gather(port: number): Promise<readonly Bad[]> {
  const crowd: Bad[] = [];
  for (let address = 0; address < ADDRESSES; address++) {
    const some = KINDS.flatMap((kind) =>
      Array.from({ length: OF_EACH }, () => join(port, `127.0.1.${address + 1}`, kind)),
    );
    crowd.push(...(await Promise.all(some)));
  }
  return crowd;
}

/** One of the crowd, as soon as it is connected; one that is refused counts as well. */
function join(port: number, localAddress: string, { tls, first, drip }: Kind): Promise<Bad> {
  return new Promise((resolve) => {
    const plain = connectPlain({ port, host: '127.0.0.1', localAddress });
    const socket = tls ? connect({ socket: plain, rejectUnauthorized: false }) : plain;
    const done = (): void => {
      socket.write(first.replaceAll('PORT', String(port)));
      // Whatever comes is never read.
      socket.pause();
      resolve({ socket, drip });
    };
    plain.on('error', () => resolve({ socket, drip: undefined }));
    socket.on('error', () => resolve({ socket, drip: undefined }));
    socket.once(tls ? 'secureConnect' : 'connect', done);
  });
}
