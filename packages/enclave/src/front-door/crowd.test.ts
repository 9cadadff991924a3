/** H10: crowds that want nothing good, beside a client that is served meanwhile. Loopback only, and bounded. */
import { once } from 'node:events';
import { connect as connectPlain, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { ask, dial, exchange, type OpenDoor, openDoor } from '../testing/open-door.ts';

const MANY = { connections: 4_000, connectionsPerAddress: 4_000 };

function healthy({ door }: OpenDoor): Promise<TLSSocket> {
  return dial(door.port);
}

async function served({ door }: OpenDoor, socket: TLSSocket): Promise<number> {
  const head = ['POST /mcp HTTP/1.1', `Host: localhost:${door.port}`, 'Content-Length: 2', '', '{}'];
  return (await exchange(socket, head.join('\r\n'))).status;
}

/** Connections without TLS, all of them open. */
async function halfOpen(port: number, count: number): Promise<readonly Socket[]> {
  const sockets = Array.from({ length: count }, () => connectPlain(port, '127.0.0.1'));
  for (const socket of sockets) socket.on('error', () => undefined);
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  return sockets;
}

async function crowd(port: number, count: number, bytes: string): Promise<readonly TLSSocket[]> {
  const sockets: TLSSocket[] = [];
  for (let done = 0; done < count; done += 50) {
    sockets.push(...(await Promise.all(Array.from({ length: 50 }, () => dial(port)))));
  }
  for (const socket of sockets) socket.on('error', () => undefined).write(bytes);
  return sockets;
}

promise('P8', 'a client is served beside two thousand connections that never begin TLS', async () => {
  const open = await openDoor({ limits: MANY });
  const client = await healthy(open);
  await halfOpen(open.door.port, 2_000);
  for (let count = 0; count < 20; count++) expect(await served(open, client)).toBe(200);
  const another = await healthy(open);
  expect(await served(open, another)).toBe(200);
});

const crowds: Readonly<Record<string, string>> = {
  'are idle': '',
  'have sent half of their headers': 'POST /mcp HTTP/1.1\r\nHost: localhost\r\nX-',
  'have sent half of their body': 'POST /mcp HTTP/1.1\r\nHost: localhost:PORT\r\nContent-Length: 100000\r\n\r\nhalf',
  'never read their answer': 'POST /mcp HTTP/1.1\r\nHost: localhost:PORT\r\nContent-Length: 0\r\n\r\n'.repeat(20),
};
for (const [what, bytes] of Object.entries(crowds)) {
  promise('P8', `a client is served beside hundreds of connections that ${what}`, async () => {
    const open = await openDoor({
      limits: { ...MANY, requests: { perMinute: 600_000, concurrent: 4_000, remembered: 8 } },
    });
    const client = await healthy(open);
    const many = await crowd(open.door.port, 300, bytes.replaceAll('PORT', String(open.door.port)));
    for (const socket of many) socket.pause();
    for (let count = 0; count < 20; count++) expect(await served(open, client)).toBe(200);
    const another = await healthy(open);
    expect(await served(open, another)).toBe(200);
  });
}

promise('P8', 'what one address may open leaves room for another', async () => {
  const open = await openDoor({ limits: { connectionsPerAddress: 8 } });
  const taken = await Promise.all(Array.from({ length: 8 }, () => dial(open.door.port)));
  await expect(dial(open.door.port)).rejects.toThrow();
  if (process.platform === 'linux') {
    const plain = connectPlain({ port: open.door.port, host: '127.0.0.1', localAddress: '127.0.0.2' });
    expect(await served(open, await dial(open.door.port, { socket: plain }))).toBe(200);
  }
  taken[0]?.destroy();
});

test('slow headers and slow bodies are ended in time, and nothing reaches the gateway', async () => {
  const open = await openDoor({ limits: { headersMs: 100, requestMs: 200 } });
  const slow = [
    'POST /mcp HTTP/1.1\r\nHost: localhost\r\nX-',
    'POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1',
  ];
  await Promise.all(
    slow.map(async (bytes) => {
      const socket = await dial(open.door.port);
      const closed = once(socket.on('error', () => undefined).resume(), 'close');
      socket.write(bytes);
      await closed;
    }),
  );
  expect(open.served).toEqual([]);
});

const floods: Readonly<Record<string, readonly [head: readonly string[], status: number]>> = {
  'a hundred thousand headers': [Array.from({ length: 100_000 }, (_, index) => `X-${index}: 1`), 431],
  'one long header': [[`X-Long: ${'x'.repeat(20_000)}`], 431],
  'sixty-five headers': [Array.from({ length: 65 }, (_, index) => `X-${index}: 1`), 431],
  'a compressed body': [['Content-Encoding: gzip', 'Content-Length: 0'], 415],
  'an expectation': [['Expect: 100-continue', 'Content-Length: 5'], 417],
};
for (const [what, [extra, status]] of Object.entries(floods)) {
  promise('P8', `${what} is refused with ${status}, and the next client is served`, async () => {
    const open = await openDoor();
    const head = ['POST /mcp HTTP/1.1', `Host: localhost:${open.door.port}`, ...extra];
    expect((await ask(open.door, head)).status).toBe(status);
    expect(open.served).toEqual([]);
    expect(await served(open, await healthy(open))).toBe(200);
  });
}
