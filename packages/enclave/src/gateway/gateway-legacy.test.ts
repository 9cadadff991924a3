import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { post, said, serve, serveLaunch, textOf, until, whoami } from './testing/served.ts';

const initialize = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
};

promise('P8', 'a 2025-11-25 client gets tools, resources, prompts, completion, logging level and ping', async () => {
  const served = await serve('legacy-server.mjs');
  const client = await served.legacyClient();
  expect(client.getServerVersion()?.name).toBe('legacy-test-server');
  expect(client.getInstructions()).toBe('Be kind.');
  expect((await client.listTools()).tools.map((tool) => tool.name)).toContain('echo');
  expect(textOf(await client.callTool({ name: 'echo', arguments: { m: 'hi' } }))).toBe('hi');
  expect((await client.listResources()).resources).toHaveLength(1);
  expect((await client.listResourceTemplates()).resourceTemplates).toHaveLength(1);
  expect((await client.readResource({ uri: 'test://blob' })).contents[0]).toMatchObject({ blob: 'AP8=' });
  expect((await client.listPrompts()).prompts).toHaveLength(1);
  const prompt = await client.getPrompt({ name: 'greet', arguments: { who: 'you' } });
  expect(prompt.messages[0]?.content).toEqual({ type: 'text', text: 'Hello you' });
  const completed = await client.complete({
    ref: { type: 'ref/prompt', name: 'greet' },
    argument: { name: 'who', value: 'x' },
  });
  expect(completed.completion.values).toEqual(['xa', 'xb']);
  await client.ping();
  await client.setLoggingLevel('warning');
  expect((await whoami(client)).level).toBe('warning');
});

promise('P8', 'results of ping and logging/setLevel stay exactly {}', async () => {
  const served = await serve('legacy-server.mjs');
  const opened = await post(served.url, initialize);
  const headers = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
  const ping = await post(served.url, { jsonrpc: '2.0', id: 'p', method: 'ping' }, headers);
  expect(ping.body).toContain('{"jsonrpc":"2.0","id":"p","result":{}}');
  const level = await post(
    served.url,
    { jsonrpc: '2.0', id: 'l', method: 'logging/setLevel', params: { level: 'info' } },
    headers,
  );
  expect(level.body).toContain('{"jsonrpc":"2.0","id":"l","result":{}}');
});

promise('P8', 'progress arrives with its request, _meta and custom methods pass in both directions', async () => {
  const served = await serve('legacy-server.mjs');
  const client = await served.legacyClient();
  const notes: number[] = [];
  const result = await client.callTool(
    { name: 'progress', arguments: {} },
    { onprogress: (note) => notes.push(note.progress) },
  );
  expect(textOf(result)).toBe('done');
  expect(notes).toEqual([1, 2, 3]);
  expect((await whoami(client, { 'dev.vitrine/nonce': 'n1' })).meta).toMatchObject({ 'dev.vitrine/nonce': 'n1' });
  const marked = await client.callTool({ name: 'marked', arguments: {} });
  expect(marked._meta).toMatchObject({ 'dev.vitrine/receipt': 'r1' });
});

promise('P8', 'elicitation and roots reach a 2025-11-25 client and its answers reach the server', async () => {
  const served = await serve('legacy-server.mjs');
  const client = await served.legacyClient({ capabilities: { elicitation: {}, roots: {} } });
  client.setRequestHandler('elicitation/create', async () => ({ action: 'accept', content: {} }));
  client.setRequestHandler('roots/list', async () => ({ roots: [{ uri: 'file:///r' }] }));
  expect(textOf(await client.callTool({ name: 'elicit', arguments: {} }))).toContain('accept');
  expect(textOf(await client.callTool({ name: 'roots', arguments: {} }))).toContain('file:///r');
});

promise('P8', 'list changes, resource updates and log records reach a 2025-11-25 client', async () => {
  const served = await serve('legacy-server.mjs');
  const client = await served.legacyClient();
  const heard: string[] = [];
  client.setNotificationHandler('notifications/tools/list_changed', () => void heard.push('tools'));
  client.setNotificationHandler('notifications/resources/updated', (note) => void heard.push(note.params.uri));
  client.setNotificationHandler('notifications/message', (note) => void heard.push(note.params.level));
  await client.subscribeResource({ uri: 'test://text' });
  await client.callTool({ name: 'change', arguments: {} });
  await client.callTool({ name: 'touch', arguments: { uri: 'test://text' } });
  await client.callTool({ name: 'log', arguments: {} });
  await until(() => heard.length === 4);
  expect(heard.toSorted()).toEqual(['debug', 'error', 'test://text', 'tools']);
});

promise('P8', 'a cancelled request is cancelled in the server, and the session goes on', async () => {
  const served = await serve('legacy-server.mjs');
  const client = await served.legacyClient();
  const abort = new AbortController();
  const hanging = client.callTool({ name: 'hang', arguments: {} }, { signal: abort.signal });
  await said(served, 'hangs');
  abort.abort();
  await expect(hanging).rejects.toThrow();
  await said(served, 'cancelled a request');
  await client.ping();
});

promise('P8', 'large and binary results arrive whole', async () => {
  const served = await serve('legacy-server.mjs');
  const client = await served.legacyClient();
  const large = await client.callTool({ name: 'large', arguments: { bytes: 12_000_000 } });
  expect(textOf(large)).toHaveLength(12_000_000);
  const binary = await client.callTool({ name: 'binary', arguments: {} });
  const data = Buffer.from(Uint8Array.from({ length: 256 }, (_, index) => index)).toString('base64');
  expect(binary.content).toEqual([{ type: 'image', mimeType: 'image/png', data }]);
});

promise('P1', 'sessions with equal request ids have processes and answers of their own', async () => {
  const served = await serve('legacy-server.mjs');
  const clients = await Promise.all([served.legacyClient(), served.legacyClient(), served.legacyClient()]);
  const answers = await Promise.all(
    clients.map((client, index) => client.callTool({ name: 'echo', arguments: { m: `secret ${index}` } })),
  );
  expect(answers.map(textOf)).toEqual(['secret 0', 'secret 1', 'secret 2']);
  const pids = await Promise.all(clients.map(async (client) => (await whoami(client)).pid));
  expect(new Set(pids).size).toBe(3);
});

promise('P3', 'the server gets exactly the environment of the launch, and nothing inherited', async () => {
  const served = await serve('legacy-server.mjs');
  const client = await served.legacyClient();
  expect((await whoami(client)).environment).toEqual({ MARK: 'only this' });
});

promise('P8', 'the first client is served by the process that was started for ready', async () => {
  const served = await serve('legacy-server.mjs');
  await served.gateway.ready;
  const client = await served.legacyClient({ capabilities: { roots: {} } });
  const { client: seen } = await whoami(client);
  expect(seen).toEqual({ info: { name: 'test-client', version: '1.0.0' }, capabilities: { roots: {} } });
  await served.gateway.close(0);
  expect(served.log).toEqual([]);
});

for (const [flag, probeMs] of [
  ['--exit-on-discover', 5_000],
  ['--exit-on-discover', 1],
  ['--ignore-discover', 50],
] as const) {
  promise(
    'P8',
    `a server that does not know server/discover and answers with ${flag} is served, probed for ${probeMs} ms`,
    async () => {
      const served = await serve('legacy-server.mjs', [flag], { probeMs });
      await served.gateway.ready;
      const [legacy, modern] = [await served.legacyClient(), await served.modernClient()];
      expect(textOf(await legacy.callTool({ name: 'echo', arguments: { m: 'a' } }))).toBe('a');
      expect(textOf(await modern.callTool({ name: 'echo', arguments: { m: 'b' } }))).toBe('b');
    },
  );
}

promise(
  'P8',
  'when the server dies under a request the client gets an error, then 404, then a fresh session',
  async () => {
    const served = await serve('legacy-server.mjs');
    const client = await served.legacyClient();
    await expect(client.callTool({ name: 'die', arguments: {} })).rejects.toThrow(/exited with code 7/);
    await expect(client.ping()).rejects.toMatchObject({ status: 404 });
    const fresh = await served.legacyClient();
    expect(textOf(await fresh.callTool({ name: 'echo', arguments: { m: 'again' } }))).toBe('again');
  },
);

promise('P8', 'what the server writes beside JSON-RPC is logged and skipped', async () => {
  const served = await serve('legacy-server.mjs');
  const client = await served.legacyClient();
  expect(textOf(await client.callTool({ name: 'garbage', arguments: {} }))).toBe('still here');
  expect(served.log.filter((line) => line.startsWith('standard output, not JSON-RPC: '))).toHaveLength(3);
});

promise('P8', 'a message beyond the limit ends that server process with a clear error', async () => {
  const served = await serve('legacy-server.mjs', [], { messageBytes: 100_000 });
  const client = await served.legacyClient();
  await expect(client.callTool({ name: 'large', arguments: { bytes: 200_000 } })).rejects.toThrow(
    /exceeded 100000 bytes/,
  );
});

promise('P8', 'a refused initialize is relayed and leaves no session behind', async () => {
  const served = await serve('legacy-server.mjs', ['--refuse-initialize'], { sessions: 1 });
  for (let attempt = 0; attempt < 2; attempt += 1) {
    expect((await post(served.url, initialize)).body).toContain('not today');
  }
});

promise('P8', 'the newest of several standing streams is served, so a lost connection is no conflict', async () => {
  const served = await serve('legacy-server.mjs');
  const opened = await post(served.url, initialize);
  const headers = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '', accept: 'text/event-stream' };
  const [first, second] = [await fetch(served.url, { headers }), await fetch(served.url, { headers })];
  expect([first.status, second.status]).toEqual([200, 200]);
  expect(await first.text()).toBe('');
  await second.body?.cancel();
});

promise('P8', 'wrong session ids, missing session ids, wrong methods, types and bodies are refused', async () => {
  const served = await serve('legacy-server.mjs', [], { requestBytes: 1000 });
  await served.gateway.ready;
  const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
  expect((await post(served.url, ping)).status).toBe(400);
  const unknown = await post(served.url, ping, { 'mcp-session-id': 'nobody' });
  expect([unknown.status, JSON.parse(unknown.body).id]).toEqual([404, 1]);
  expect((await post(served.url, { ...initialize, params: {} })).status).toBe(400);
  expect((await post(served.url, '{"jsonrpc":')).body).toContain('-32700');
  expect((await post(served.url, [])).status).toBe(400);
  expect((await post(served.url, ping, { 'content-type': 'text/plain' })).status).toBe(415);
  expect((await post(served.url, initialize, { accept: 'application/json' })).status).toBe(406);
  expect((await post(served.url, 'x'.repeat(2000))).status).toBe(413);
  const put = await fetch(served.url, { method: 'PUT', body: '{}' });
  expect([put.status, put.headers.get('allow')]).toEqual([405, 'POST, GET, DELETE']);
  expect((await fetch(served.url)).status).toBe(400);
});

promise('P8', 'DELETE ends the session and its process', async () => {
  const served = await serve('legacy-server.mjs');
  const client = await served.legacyClient();
  await client.callTool({ name: 'echo', arguments: { m: 'x' } });
  const { transport } = client;
  expect(transport?.sessionId).toBeDefined();
  const headers = { 'mcp-session-id': transport?.sessionId ?? '' };
  expect((await fetch(served.url, { method: 'DELETE', headers })).status).toBe(200);
  expect((await post(served.url, { jsonrpc: '2.0', id: 1, method: 'ping' }, headers)).status).toBe(404);
});

promise('P8', 'a published server works through the gateway', async () => {
  const script = new URL(import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js')).pathname;
  const launch = { command: process.execPath, args: [script, 'stdio'], cwd: '/', environment: {} };
  const served = await serveLaunch(launch);
  const legacy = await served.legacyClient();
  expect(textOf(await legacy.callTool({ name: 'echo', arguments: { message: 'hi' } }))).toBe('Echo: hi');
  const modern = await served.modernClient();
  expect((await modern.listTools()).tools.length).toBeGreaterThan(5);
  expect(textOf(await modern.callTool({ name: 'echo', arguments: { message: 'hi' } }))).toBe('Echo: hi');
});
