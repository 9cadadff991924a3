/** What a hostile server or caller could do to others through the gateway, and may not. */
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { parseLine } from './message.ts';
import { modernRequest, PRINCIPAL_HEADER, plainHousing, post, type Served, serve, serveIn } from './testing/served.ts';

/** A server of 2025-11-25 whose every tool answers with 300,000 brackets. */
const DEEP = `
  let rest = '';
  const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n');
  process.stdin.setEncoding('utf8').on('data', (chunk) => {
    const lines = (rest + chunk).split('\\n');
    rest = lines.pop();
    for (const { id, method } of lines.map((line) => JSON.parse(line))) {
      if (method === 'initialize')
        say({ id, result: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'x', version: '1' } } });
      else if (method === 'tools/call')
        process.stdout.write('{"jsonrpc":"2.0","id":' + id + ',"result":{"content":[],"x":' + '['.repeat(300000) + ']'.repeat(300000) + '}}\\n');
      else if (id !== undefined) say({ id, error: { code: -32601, message: 'no' } });
    }
  });`;

const initialize = (id = 1): object => ({
  jsonrpc: '2.0',
  id,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
});

async function open(served: Served, principal: string): Promise<{ status: number; session: string }> {
  const answer = await post(served.url, initialize(), { [PRINCIPAL_HEADER]: principal });
  return { status: answer.status, session: answer.headers.get('mcp-session-id') ?? '' };
}

promise('P8', 'an answer that nests endlessly ends its server, not the gateway', async () => {
  const housing = plainHousing({ command: process.execPath, args: ['-e', DEEP], cwd: '/', environment: {} });
  const served = await serveIn(housing, {}, {});
  const legacy = await served.legacyClient();
  await expect(legacy.callTool({ name: 'a', arguments: {} })).rejects.toThrow('nests too deep');
  const { body, headers } = modernRequest(1, 'tools/call', { name: 'a', arguments: {} });
  expect((await post(served.url, body, headers)).body).toContain('nests too deep');
});

promise('P8', 'a request that nests endlessly is refused', async () => {
  const served = await serve('legacy-server.mjs');
  const answer = await post(served.url, `${'['.repeat(100_000)}${']'.repeat(100_000)}`);
  expect([answer.status, answer.body]).toEqual([400, expect.stringContaining('nests too deep')]);
});

promise('P1', 'a session is its caller’s own, also where all share one server', async () => {
  for (const shared of [false, true]) {
    const served = await serve('legacy-server.mjs', [], {}, shared);
    const { session } = await open(served, 'a');
    const ping = { jsonrpc: '2.0', id: 2, method: 'ping' };
    const as = (principal: string) =>
      post(served.url, ping, { [PRINCIPAL_HEADER]: principal, 'mcp-session-id': session });
    expect((await as('b')).status).toBe(404);
    expect((await as('a')).status).toBe(200);
  }
});

promise('P8', 'one caller cannot take all sessions: its own oldest ones go', async () => {
  const served = await serve('legacy-server.mjs', [], { sessions: 4 });
  const opened: string[] = [];
  for (let at = 0; at < 5; at++) opened.push((await open(served, 'a')).session);
  expect((await open(served, 'b')).status).toBe(200);
  const ping = { jsonrpc: '2.0', id: 2, method: 'ping' };
  const of = (session = '') => post(served.url, ping, { [PRINCIPAL_HEADER]: 'a', 'mcp-session-id': session });
  expect((await of(opened[0])).status).toBe(404);
  expect((await of(opened[4])).status).toBe(200);
});

promise('P8', 'requests of one session that the server does not answer are bounded', async () => {
  const served = await serve('legacy-server.mjs', [], { runningRequests: 2 });
  const { session } = await open(served, 'a');
  const call = (id: number, signal?: AbortSignal) =>
    fetch(served.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-session-id': session,
        [PRINCIPAL_HEADER]: 'a',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'hang', arguments: {} } }),
      ...(signal === undefined ? {} : { signal }),
    });
  const leaving = new AbortController();
  const hanging = [call(2, leaving.signal), call(3, leaving.signal)];
  await Promise.all(hanging);
  expect(await (await call(4)).text()).toContain('already works on 2 requests');
  leaving.abort();
});

promise('P8', 'a message that is request and answer at once is none', () => {
  const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: {} };
  expect(parseLine(JSON.stringify(message))).toHaveLength(1);
  expect(parseLine(JSON.stringify({ ...message, result: {} }))).toBeUndefined();
  expect(parseLine(JSON.stringify({ ...message, error: { code: 1, message: '' } }))).toBeUndefined();
});
