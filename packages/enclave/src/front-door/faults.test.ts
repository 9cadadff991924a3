/** F2: networks that are slow, cut connections or change bytes, between a client and the door. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { ask, dial, exchange, type OpenDoor, openDoor } from '../testing/open-door.ts';

/** What happens to bytes on the way to the door. */
type Fault = (chunk: Buffer, to: Socket, sentBefore: number) => void;

/** A port behind which the door is, through `fault`. */
async function faulty(door: OpenDoor, fault: Fault): Promise<number> {
  const sockets = new Set<Socket>();
  const proxy = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ port: door.door.port, host: '127.0.0.1', allowHalfOpen: true });
    let sent = 0;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    client.on('data', (chunk: Buffer) => {
      fault(chunk, upstream, sent);
      sent += chunk.length;
    });
    client.on('end', () => upstream.end());
    client.on('close', () => upstream.destroy());
    upstream.on('data', (chunk: Buffer) => client.write(chunk));
    upstream.on('end', () => client.end());
    upstream.on('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  return (proxy.address() as AddressInfo).port;
}

function request({ door }: OpenDoor): string {
  return `POST /mcp HTTP/1.1\r\nHost: localhost:${door.port}\r\nContent-Length: 2\r\n\r\n{}`;
}

async function isWell(open: OpenDoor): Promise<void> {
  const socket = await dial(open.door.port);
  expect((await exchange(socket, request(open))).status).toBe(200);
}

promise('P8', 'a request that comes byte by byte is served', async () => {
  const open = await openDoor();
  const port = await faulty(open, (chunk, to) => {
    to.setNoDelay(true);
    for (const byte of chunk) to.write(Buffer.of(byte));
  });
  const socket = await dial(port);
  expect((await exchange(socket, request(open))).status).toBe(200);
});

/** A handshake takes some hundred bytes from the client; what comes after them is the request. */
const cuts: Readonly<Record<string, number>> = {
  'within the first record of the handshake': 100,
  'just before the request': 600,
  'within the record of the request': 700,
};
for (const [what, at] of Object.entries(cuts)) {
  promise('P8', `a connection that is cut ${what} disturbs nobody`, async () => {
    const open = await openDoor();
    const port = await faulty(open, (chunk, to, before) => {
      if (before + chunk.length < at) to.write(chunk);
      else to.write(chunk.subarray(0, Math.max(0, at - before)), () => to.resetAndDestroy());
    });
    const outcome = await dial(port)
      .then((socket) => exchange(socket, request(open)))
      .then(
        () => 'served',
        () => 'ended',
      );
    expect(['served', 'ended']).toContain(outcome);
    await isWell(open);
  });
}

promise('P2', 'bytes that were changed on the way end the connection before anything is served', async () => {
  const open = await openDoor();
  let isChanging = false;
  const port = await faulty(open, (chunk, to) => {
    const sent = Buffer.from(chunk);
    if (isChanging) sent[sent.length - 1] = (sent.at(-1) ?? 0) ^ 1;
    to.write(sent);
  });
  const socket = await dial(port);
  isChanging = true;
  await expect(exchange(socket, request(open))).rejects.toThrow();
  expect(open.served).toEqual([]);
  await isWell(open);
});

promise('P8', 'a client that closes its side after asking still gets its answer, or a clean end', async () => {
  const open = await openDoor();
  const socket = await dial(await faulty(open, (chunk, to) => to.write(chunk)));
  const closed = once(socket.on('error', () => undefined).resume(), 'close');
  socket.end(request(open));
  await closed;
  await isWell(open);
});

promise('P8', 'of a hundred connections of which some are cut, all others are served', async () => {
  const open = await openDoor();
  let count = 0;
  const port = await faulty(open, (chunk, to, before) => {
    // Each twentieth begins and never gets on.
    if (before === 0) count += 1;
    if (before === 0 && count % 20 === 0) to.resetAndDestroy();
    else to.write(chunk);
  });
  const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => dial(port)));
  const open95 = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  expect(open95).toHaveLength(95);
  const answers = await Promise.all(open95.map((socket) => exchange(socket, request(open))));
  expect(answers.every(({ status }) => status === 200)).toBe(true);
  expect((await ask(open.door, ['GET /healthz HTTP/1.1', `Host: localhost:${open.door.port}`])).status).toBe(200);
});
