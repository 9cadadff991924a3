/** Clients that ask for much and read little, and bodies that are too long, in front of a real server. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { createTelemetry, type Telemetry } from '../telemetry/telemetry.ts';
import type { GatewayLimits } from './limits.ts';
import {
  launchOf,
  modernRequest,
  PRINCIPAL_HEADER,
  plainHousing,
  post,
  type Served,
  serve,
  serveIn,
  textOf,
  until,
} from './testing/served.ts';

/** Asks for a result of this many bytes, and reads nothing of it. */
async function ask(served: Served, bytes: number): Promise<Socket> {
  const { body, headers } = modernRequest(1, 'tools/call', { name: 'large', arguments: { bytes } });
  const text = JSON.stringify(body);
  const socket = connect({ port: Number(served.url.port), host: '127.0.0.1' });
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  socket.pause();
  const head = [
    'POST /mcp HTTP/1.1',
    'Host: localhost',
    'Connection: close',
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    `Content-Length: ${Buffer.byteLength(text)}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${text}`);
  return socket;
}

/** Reads what is left, until the other side ends it; how much came in all. */
async function rest(socket: Socket): Promise<number> {
  if (!socket.closed) await once(socket.resume(), 'close');
  return socket.bytesRead;
}

const LARGE = 24 << 20;

/** A server and how many requests it has been done with. */
async function counted(limits: Partial<GatewayLimits>): Promise<{ readonly served: Served; done(): number }> {
  let done = 0;
  const telemetry: Telemetry = { ...createTelemetry(createMetrics(), undefined), request: () => (done += 1) };
  const served = await serveIn(plainHousing(launchOf('legacy-server.mjs')), limits, { telemetry });
  return { served, done: () => done };
}

promise('P8', 'an answer of which too much waits is ended, and others are served', async () => {
  const { served, done } = await counted({ answerBytes: 1 << 20 });
  const slow = await ask(served, LARGE);
  await until(() => done() === 1);
  const client = await served.modernClient();
  expect(textOf(await client.callTool({ name: 'echo', arguments: { m: 'x' } }))).toBe('x');
  expect(await rest(slow)).toBeLessThan(LARGE);
});

promise('P8', 'a client that reads nothing of its answer for too long loses it', async () => {
  const { served, done } = await counted({ readStallMs: 100 });
  const slow = await ask(served, LARGE);
  await until(() => done() === 1);
  expect(await rest(slow)).toBeLessThan(LARGE);
});

promise('P8', 'of many slow readers the one with most is ended when together they hold too much', async () => {
  const { served, done } = await counted({ answersBytes: 30 << 20 });
  const small = await ask(served, 8 << 20);
  const slow = [await ask(served, 16 << 20), await ask(served, LARGE)];
  await until(() => done() === 1);
  // The others are still being written, and are read now.
  const lengths = await Promise.all([small, ...slow].map((socket) => rest(socket)));
  expect(lengths.filter((length) => length < 8 << 20)).toHaveLength(1);
  expect(lengths[0]).toBeGreaterThan(8 << 20);
});

promise('P8', 'a large answer reaches a client that reads it, whole', async () => {
  const client = await (await serve('legacy-server.mjs')).modernClient();
  const text = textOf(await client.callTool({ name: 'large', arguments: { bytes: LARGE } }));
  expect(text).toHaveLength(LARGE);
});

promise('P8', 'a body that is too long is refused, whether its length is said or not', async () => {
  const served = await serve('legacy-server.mjs', [], { requestBytes: 1_000 });
  const { body, headers } = modernRequest(1, 'tools/call', { name: 'echo', arguments: { m: 'x'.repeat(2_000) } });
  expect((await post(served.url, body, headers)).status).toBe(413);
  const chunked = await fetch(served.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: new Blob([JSON.stringify(body)]).stream(),
    duplex: 'half',
  } as RequestInit);
  expect(chunked.status).toBe(413);
});

promise('P1', 'a session of somebody else is as absent as one that never was', async () => {
  const served = await serve('legacy-server.mjs');
  const initialize = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } };
  const opened = await post(
    served.url,
    { jsonrpc: '2.0', id: 0, method: 'initialize', params: initialize },
    { [PRINCIPAL_HEADER]: 'a' },
  );
  const id = opened.headers.get('mcp-session-id') ?? '';
  const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
  const use = (who: string, session: string) =>
    post(served.url, ping, { [PRINCIPAL_HEADER]: who, 'mcp-session-id': session });
  expect((await use('a', id)).status).toBe(200);
  const [others, never] = [await use('b', id), await use('b', '00000000-0000-4000-8000-000000000000')];
  expect([others.status, others.body]).toEqual([404, never.body]);
});
