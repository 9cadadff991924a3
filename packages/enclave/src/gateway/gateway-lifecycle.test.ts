import { request } from 'node:http';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { ServerFailedError } from './failure.ts';
import { createGateway } from './gateway.ts';
import {
  isGone,
  launchOf,
  modernRequest,
  plainHousing,
  post,
  said,
  serve,
  serveLaunch,
  textOf,
  until,
  whoami,
} from './testing/served.ts';

async function failureOf(ready: Promise<void>): Promise<ServerFailedError> {
  const failure: unknown = await ready.catch((reason: unknown) => reason);
  if (failure instanceof ServerFailedError) return failure;
  throw new Error(`expected a ServerFailedError, got ${String(failure)}`);
}

promise('P8', 'a server that dies at start makes ready reject with its exit code and last words', async () => {
  const served = await serve('legacy-server.mjs', ['--die']);
  const failure = await failureOf(served.gateway.ready);
  expect(failure.code).toBe('server.failed');
  expect(failure.message).toBe('the server exited with code 3:\n  the key FOO is not set');
  const { body, headers } = modernRequest(4, 'tools/list');
  const answer = await post(served.url, body, headers);
  expect([answer.status, JSON.parse(answer.body)]).toMatchObject([500, { id: 4, error: { code: -32603 } }]);
  // What a server says to its operator may hold secrets and is not for clients.
  expect(answer.body).not.toContain('FOO');
});

promise('P8', 'a command that does not exist makes ready reject with a clear error', async () => {
  const served = await serveLaunch({ ...launchOf('none'), command: '/no/such/command' });
  expect((await failureOf(served.gateway.ready)).message).toMatch(/could not be started.*\/no\/such\/command/);
});

promise('P8', 'a command that the system cannot even be asked for makes ready reject with a clear error', async () => {
  const served = await serveLaunch({ ...launchOf('none'), args: ['a\0b'] });
  expect((await failureOf(served.gateway.ready)).message).toMatch(/could not be started .*null bytes/);
});

promise('P8', 'a server that answers nothing makes ready reject in time and is stopped', async () => {
  const served = await serve('legacy-server.mjs', ['--mute'], { probeMs: 20, startMs: 20 });
  expect((await failureOf(served.gateway.ready)).message).toBe('the server did not answer initialize within 20 ms');
});

promise('P8', 'a server that refuses initialize makes ready reject with its reason', async () => {
  const served = await serve('legacy-server.mjs', ['--refuse-initialize', '--ignore-discover'], { probeMs: 20 });
  expect((await failureOf(served.gateway.ready)).message).toBe('the server refused initialize: not today');
});

promise('P8', 'close lets running requests finish, refuses new ones, and leaves no process', async () => {
  const served = await serve('legacy-server.mjs');
  const [legacy, modern] = [await served.legacyClient(), await served.modernClient()];
  const pids = [(await whoami(legacy)).pid, (await whoami(modern)).pid];
  const running = [legacy, modern].map((client) => client.callTool({ name: 'open', arguments: { name: 'x' } }));
  await said(served, 'opens x', 2);
  const closing = served.gateway.close(10_000);
  const refused = await post(served.url, modernRequest(1, 'tools/list').body, modernRequest(1, 'tools/list').headers);
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
  for (const pid of pids) process.kill(pid, 'SIGUSR2');
  expect((await Promise.all(running)).map(textOf)).toEqual(['opened x', 'opened x']);
  await closing;
  expect(pids.map(isGone)).toEqual([true, true]);
});

promise('P8', 'when the grace is over, what still runs gets an error instead of a cut connection', async () => {
  const served = await serve('legacy-server.mjs');
  const [legacy, modern] = [await served.legacyClient(), await served.modernClient()];
  const hanging = [legacy, modern].map((client) => client.callTool({ name: 'hang', arguments: {} }));
  const outcomes = Promise.allSettled(hanging);
  await said(served, 'hangs', 2);
  await served.gateway.close(10);
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await expect(hanging[0]).rejects.toThrow(/gateway is stopping/);
  await expect(hanging[1]).rejects.toThrow(/before it answered/);
});

promise('P8', 'a server that ignores SIGTERM and its helper that ignores it too are gone after close', async () => {
  const served = await serve('legacy-server.mjs', ['--stubborn']);
  const client = await served.legacyClient();
  const { pid } = await whoami(client);
  const helper = Number(textOf(await client.callTool({ name: 'helper', arguments: {} })));
  expect(isGone(helper)).toBe(false);
  await served.gateway.close(0);
  expect(isGone(pid)).toBe(true);
  await until(() => isGone(helper));
});

promise('P8', 'helpers of a server that dies by itself are gone too', async () => {
  const served = await serve('legacy-server.mjs');
  const client = await served.modernClient();
  const helper = Number(textOf(await client.callTool({ name: 'helper', arguments: {} })));
  await expect(client.callTool({ name: 'die', arguments: {} })).rejects.toThrow();
  await until(() => isGone(helper));
});

promise('P8', 'a gateway closed while its server is starting leaves no process', async () => {
  const log: string[] = [];
  const script = 'console.error(process.pid); setInterval(() => {}, 60000)';
  const launch = { ...launchOf('none'), args: ['-e', script] };
  const gateway = createGateway({
    housing: plainHousing(launch),
    onServerLog: (line) => log.push(line),
    limits: { stopMs: 20 },
  });
  const ready = failureOf(gateway.ready);
  await until(() => log.length > 0);
  await gateway.close(0);
  expect((await ready).message).toBe('the gateway was closed before the server had answered');
  expect(isGone(Number(log[0]))).toBe(true);

  const atOnce = createGateway({ housing: plainHousing(launch), onServerLog: () => undefined, limits: { stopMs: 20 } });
  const rejected = failureOf(atOnce.ready);
  await atOnce.close(0);
  await rejected;
});

promise(
  'P8',
  'full sessions and full instances are refused with 503 and a JSON-RPC error, and places are freed',
  async () => {
    const served = await serve('legacy-server.mjs', [], { sessions: 1, instances: 1 });
    const legacy = await served.legacyClient();
    const initialize = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } };
    const second = await post(served.url, { jsonrpc: '2.0', id: 9, method: 'initialize', params: initialize });
    expect([second.status, JSON.parse(second.body)]).toMatchObject([503, { id: 9, error: { code: -32603 } }]);
    await legacy.callTool({ name: 'die', arguments: {} }).catch(() => undefined);
    await served.legacyClient();

    const modern = await served.modernClient();
    const hanging = modern.callTool({ name: 'open', arguments: { name: 'x' } });
    await whoami(modern);
    const other = modernRequest(3, 'tools/list', {}, { experimental: { x: {} } });
    const refused = await post(served.url, other.body, other.headers);
    expect([refused.status, JSON.parse(refused.body).id]).toEqual([503, 3]);
    await modern.callTool({ name: 'release', arguments: { name: 'x' } });
    await hanging;
    expect((await post(served.url, other.body, other.headers)).status).toBe(200);
  },
);

promise('P8', 'a server that closes its output without ending is ended, so that its requests do not hang', async () => {
  const served = await serve('legacy-server.mjs', [], { stopMs: 20 });
  const client = await served.modernClient();
  const { pid } = await whoami(client);
  await expect(client.callTool({ name: 'dumb', arguments: {} })).rejects.toThrow(/closed its standard input or output/);
  expect(isGone(pid)).toBe(true);
  expect((await whoami(client)).pid).not.toBe(pid);
});

promise('P8', 'too many running requests in one server are refused one by one', async () => {
  const served = await serve('legacy-server.mjs', [], { runningRequests: 1 });
  const client = await served.modernClient();
  const open = client.callTool({ name: 'hang', arguments: {} });
  await said(served, 'hangs');
  await expect(client.callTool({ name: 'echo', arguments: { m: 'x' } })).rejects.toThrow(/already works on 1 requests/);
  open.catch(() => undefined);
});

promise('P8', 'idle sessions and idle instances end with their processes, used ones stay', async () => {
  const served = await serve('legacy-server.mjs', [], { sessionIdleMs: 400, instanceIdleMs: 600 });
  const opened = await post(served.url, {
    jsonrpc: '2.0',
    id: 0,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
  });
  const headers = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
  const listening = await served.legacyClient();
  const { pid } = await whoami(await served.modernClient());
  await until(() => isGone(pid));
  expect((await post(served.url, { jsonrpc: '2.0', id: 1, method: 'ping' }, headers)).status).toBe(404);
  await listening.ping();
});

promise('P8', 'a client that leaves in the middle of its body or of a stream disturbs nobody', async () => {
  const served = await serve('legacy-server.mjs');
  const client = await served.modernClient();
  const options = { method: 'POST', headers: { 'content-type': 'application/json', 'content-length': '100' } };
  const half = request(served.url, options);
  half.on('error', () => undefined);
  half.write('{"jsonrpc"');
  await whoami(client);
  half.destroy();
  const { body, headers } = modernRequest(1, 'subscriptions/listen', { notifications: { toolsListChanged: true } });
  const abort = new AbortController();
  const stream = await fetch(served.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream, application/json', ...headers },
    body: JSON.stringify(body),
    signal: abort.signal,
  });
  expect(stream.status).toBe(200);
  abort.abort();
  expect(textOf(await client.callTool({ name: 'echo', arguments: { m: 'x' } }))).toBe('x');
  expect(served.log).toEqual([]);
});
