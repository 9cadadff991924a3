/** Servers that speak Streamable HTTP, as messages go in and out. */
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JSONRPCMessage } from '@modelcontextprotocol/server';
import { afterEach, expect, test, vi } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { startHttpProcess } from './http-process.ts';
import { defaultGatewayLimits, type GatewayLimits } from './limits.ts';
import { isObject } from './message.ts';
import { ownProcessGroup } from './process-group.ts';
import type { ServerExit, ServerProcess } from './server-contract.ts';
import { isGone, launchOf, modernRequest } from './testing/served.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Run {
  readonly server: ServerProcess;
  readonly log: string[];
  readonly heard: JSONRPCMessage[];
  readonly exits: ServerExit[];
  /** Sends a request and waits for its answer. */
  ask(message: Record<string, unknown>): Promise<Record<string, unknown>>;
  send(message: Record<string, unknown>): void;
  /** Waits until a message fits. */
  hears(fits: (message: Record<string, unknown>) => boolean): Promise<Record<string, unknown>>;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function run(args: readonly string[], limits: Partial<GatewayLimits> = {}): Promise<Run> {
  const port = await freePort();
  const launch = launchOf('http-server.mjs', [`${port}`, ...args]);
  const log: string[] = [];
  const heard: JSONRPCMessage[] = [];
  const exits: ServerExit[] = [];
  const server = startHttpProcess(
    {
      start: () =>
        spawn(launch.command, [...launch.args], {
          cwd: launch.cwd,
          env: { ...launch.environment },
          detached: ownProcessGroup,
          stdio: 'pipe',
        }),
      http: { port },
      egress: () => new Map(),
      verdict: () => undefined,
      dispose: async () => undefined,
    },
    { ...defaultGatewayLimits, stopMs: 300, ...limits },
    (line) => log.push(line),
  );
  ends.push(() => server.stop());
  server.attach({ onMessage: (message) => heard.push(message), onExit: (exit) => exits.push(exit) });
  const hears: Run['hears'] = (fits) =>
    vi.waitFor(
      () => {
        const found = (heard as unknown as Record<string, unknown>[]).find(fits);
        if (found === undefined) throw new Error(`not heard: ${fits.toString()} in ${JSON.stringify(heard)}`);
        return found;
      },
      { timeout: 8_000, interval: 10 },
    );
  const send: Run['send'] = (message) => server.send({ jsonrpc: '2.0', ...message } as JSONRPCMessage);
  return {
    server,
    log,
    heard,
    exits,
    send,
    hears,
    ask(message) {
      send(message);
      return hears((one) => one['id'] === message['id'] && !('method' in one));
    },
  };
}

const said = (one: Run, line: string): Promise<void> =>
  vi.waitFor(() => expect(one.log).toContain(line), { timeout: 8_000, interval: 10 });

const INITIALIZE = {
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: { elicitation: {} },
    clientInfo: { name: 'test', version: '1' },
  },
};

async function opened(): Promise<Run> {
  const one = await run(['legacy']);
  expect(await one.ask({ id: 1, ...INITIALIZE })).toMatchObject({ result: { protocolVersion: '2025-11-25' } });
  one.send({ method: 'notifications/initialized' });
  return one;
}

const call = (id: number, name: string, more: object = {}): Record<string, unknown> => ({
  id,
  method: 'tools/call',
  params: { name, arguments: {}, ...more },
});

promise('P8', 'a modern server gets its headers, and unknown members pass both ways', async () => {
  const one = await run(['modern']);
  const { body } = modernRequest(7, 'tools/call', { name: 'echo', arguments: {}, _meta: { 'dev.example/x': [1] } });
  const answer = await one.ask(body);
  expect(JSON.stringify(answer)).toContain('dev.example/x');
  expect(one.log).toContain('a line on standard output');
});

for (const city of ['Paris', 'Zürich', ' padded ', '=?base64?eA==?=']) {
  promise('P8', `an argument that a header must repeat is repeated: ${JSON.stringify(city)}`, async () => {
    const one = await run(['modern']);
    const { body } = modernRequest(1, 'tools/call', { name: 'weather', arguments: { city } });
    expect(await one.ask(body)).toMatchObject({ result: { content: [{ text: JSON.stringify(city) }] } });
  });
}

promise('P8', 'closing the answer cancels a modern request, and nothing is posted for it', async () => {
  const one = await run(['modern']);
  one.send(modernRequest(3, 'tools/call', { name: 'hang', arguments: {} }).body);
  await said(one, 'hangs');
  one.send({ method: 'notifications/cancelled', params: { requestId: 3 } });
  await said(one, 'cancelled a request');
  expect(await one.ask(modernRequest(4, 'server/discover').body)).toMatchObject({ result: {} });
  expect(one.heard.some((message) => 'id' in message && message.id === 3)).toBe(false);
});

promise('P8', 'a modern subscription is a long request that hears of changes', async () => {
  const one = await run(['modern']);
  one.send(modernRequest(5, 'subscriptions/listen', { notifications: { toolsListChanged: true } }).body);
  await one.hears((message) => message['method'] === 'notifications/subscriptions/acknowledged');
});

promise('P8', 'a legacy server keeps its session, and knows when it is over', async () => {
  const one = await opened();
  const answer = await one.ask(call(2, 'echo'));
  expect(answer).toMatchObject({ result: { content: [{ type: 'text' }] } });
  expect(one.log).toContain('POST without session');
  await said(one, 'GET with session');
  await one.server.stop();
  expect(one.log).toContain('DELETE with session');
});

promise('P8', 'progress and requests of a legacy server come with the call, and answers reach it', async () => {
  const one = await opened();
  await one.ask(call(2, 'progress', { _meta: { progressToken: 'p' } }));
  expect(
    one.heard.filter((message) => 'method' in message && message.method === 'notifications/progress'),
  ).toHaveLength(3);
  one.send(call(3, 'ask'));
  const asked = await one.hears((message) => message['method'] === 'elicitation/create');
  one.send({ id: asked['id'], result: { action: 'accept', content: { name: 'Ada' } } });
  const answer = await one.hears((message) => message['id'] === 3 && 'result' in message);
  expect(JSON.stringify(answer)).toContain('Ada');
});

promise('P8', 'what a legacy server says of itself comes on its standing stream', async () => {
  const one = await opened();
  await said(one, 'GET with session');
  await one.ask(call(2, 'change'));
  await one.hears((message) => message['method'] === 'notifications/tools/list_changed');
});

promise('P8', 'a legacy server is told of a cancelled request', async () => {
  const one = await opened();
  one.send(call(2, 'hang'));
  await said(one, 'hangs');
  one.send({ method: 'notifications/cancelled', params: { requestId: 2 } });
  await said(one, 'cancelled a request');
});

promise('P8', 'a refusal without an id is the answer to the request that was refused', async () => {
  const one = await run(['legacy']);
  expect(await one.ask(modernRequest(9, 'server/discover').body)).toMatchObject({ id: 9, error: {} });
});

promise('P7', 'a server that does not listen is ended, with the port in the reason', async () => {
  const one = await run(['modern', '--deaf'], { startMs: 700 });
  await expect(one.server.listening).rejects.toThrow(/did not listen on port \d+ of 127\.0\.0\.1 within 700 ms/);
  expect(one.exits).toHaveLength(1);
});

test('a server that ends before it listens is reported with its own words', async () => {
  const one = await run(['neither', '--deaf']);
  one.send({ id: 1, method: 'ping' });
  process.kill(one.server.pid ?? 0, 'SIGTERM');
  await expect(one.server.listening).rejects.toThrow(/was ended by SIGTERM/);
});

promise('P1', 'a message beyond the limit ends the server, not the gateway', async () => {
  const one = await run(['modern', '--huge'], { messageBytes: 1 << 16 });
  one.send(modernRequest(1, 'tools/call', { name: 'echo', arguments: {} }).body);
  expect((await one.server.exited).reason).toBe('was ended because one of its messages exceeded 65536 bytes');
});

test('the end of the process is the end of its requests, once', async () => {
  const one = await run(['modern']);
  one.send(modernRequest(1, 'tools/call', { name: 'hang', arguments: {} }).body);
  await said(one, 'hangs');
  process.kill(one.server.pid ?? 0, 'SIGKILL');
  await one.server.exited;
  expect(one.exits).toHaveLength(1);
  expect(one.heard.filter((message) => isObject(message) && 'error' in message)).toEqual([]);
  expect(isGone(one.server.pid ?? 0)).toBe(true);
});
