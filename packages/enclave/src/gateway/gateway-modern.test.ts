import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { isGone, modernRequest, post, said, serve, textOf, until, whoami } from './testing/served.ts';

async function send(url: URL, ...args: Parameters<typeof modernRequest>): ReturnType<typeof post> {
  const { body, headers } = modernRequest(...args);
  return post(url, body, headers);
}

promise('P8', 'a 2026-07-28 client gets tools, resources, prompts and completion of a 2025-11-25 server', async () => {
  const served = await serve('legacy-server.mjs');
  const client = await served.modernClient();
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
});

promise('P8', 'discover and lists of a 2025-11-25 server have what the stateless revision requires', async () => {
  const served = await serve('legacy-server.mjs');
  const discover = JSON.parse((await send(served.url, 1, 'server/discover')).body).result;
  expect(discover).toMatchObject({
    resultType: 'complete',
    supportedVersions: ['2026-07-28'],
    instructions: 'Be kind.',
    ttlMs: 0,
    cacheScope: 'private',
    _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'legacy-test-server', version: '1.0.0' } },
  });
  expect(Object.keys(discover.capabilities)).not.toContain('tasks');
  const list = JSON.parse((await send(served.url, 'a', 'tools/list')).body);
  expect(list).toMatchObject({ id: 'a', result: { resultType: 'complete', ttlMs: 0, cacheScope: 'private' } });
  const custom = JSON.parse((await send(served.url, 2, 'acme/search', { query: 'q' })).body);
  expect(custom.result).toMatchObject({ resultType: 'complete', found: 'q' });
  expect(custom.result).not.toHaveProperty('ttlMs');
});

promise('P8', 'errors carry the codes and the HTTP status of the stateless revision', async () => {
  const served = await serve('legacy-server.mjs');
  const missing = await send(served.url, 1, 'resources/read', { uri: 'test://none' });
  expect([missing.status, JSON.parse(missing.body).error]).toEqual([
    200,
    { code: -32602, message: 'Resource not found', data: { uri: 'test://none' } },
  ]);
  for (const method of ['no/such', 'ping', 'logging/setLevel', 'initialize', 'resources/subscribe', 'tasks/list']) {
    const answer = await send(served.url, 2, method);
    expect([method, answer.status, JSON.parse(answer.body).error.code]).toEqual([method, 404, -32601]);
  }
});

promise('P8', 'the envelope stays at the gateway, all other _meta reaches the server and comes back', async () => {
  const served = await serve('legacy-server.mjs');
  const client = await served.modernClient();
  const { meta } = await whoami(client, { 'dev.vitrine/nonce': 'n1', traceparent: '00-1-2-01' });
  expect(meta).toEqual({ 'dev.vitrine/nonce': 'n1', traceparent: '00-1-2-01' });
  const marked = await client.callTool({ name: 'marked', arguments: {} });
  expect(marked._meta).toMatchObject({ 'dev.vitrine/receipt': 'r1' });
});

for (const script of ['legacy-server.mjs', 'modern-server.mjs'] as const) {
  promise('P8', `progress and log records of ${script} come on the stream of their own request`, async () => {
    const served = await serve(script);
    const client = await served.modernClient();
    const notes: number[] = [];
    await client.callTool({ name: 'progress', arguments: {} }, { onprogress: (note) => notes.push(note.progress) });
    expect(notes).toEqual([1, 2, 3]);
    const asked = { 'io.modelcontextprotocol/logLevel': 'warning' };
    const logged = await send(served.url, 5, 'tools/call', { name: 'log', arguments: {}, _meta: asked });
    expect(logged.headers.get('content-type')).toBe('text/event-stream');
    expect(logged.body).toContain('"large"');
    expect(logged.body).not.toContain('"small"');
    const unasked = await send(served.url, 6, 'tools/call', { name: 'log', arguments: {} });
    expect(unasked.headers.get('content-type')).toBe('application/json');
  });

  promise('P8', `a client that disconnects has cancelled its request in ${script}`, async () => {
    const served = await serve(script);
    const client = await served.modernClient();
    const abort = new AbortController();
    const hanging = client.callTool({ name: 'hang', arguments: {} }, { signal: abort.signal });
    await said(served, 'hangs');
    abort.abort();
    await expect(hanging).rejects.toThrow();
    await said(served, 'cancelled a request');
  });

  promise('P8', `subscriptions/listen carries list changes of ${script} and ends in order`, async () => {
    const served = await serve(script);
    const client = await served.modernClient();
    let changes = 0;
    client.setNotificationHandler('notifications/tools/list_changed', () => {
      changes += 1;
    });
    const subscription = await client.listen({ toolsListChanged: true, promptsListChanged: true });
    expect(subscription.honoredFilter).toEqual({ toolsListChanged: true });
    await client.callTool({ name: 'change', arguments: {} });
    await until(() => changes === 1);
    await served.gateway.close(1000);
    expect(await subscription.closed).toBe('graceful');
  });
}

promise('P8', 'resource subscriptions are shared in the server and given up with their last listener', async () => {
  const served = await serve('legacy-server.mjs');
  const clients = [await served.modernClient(), await served.modernClient()];
  const heard: string[] = [];
  const subscriptions = await Promise.all(
    clients.map((client, index) => {
      client.setNotificationHandler(
        'notifications/resources/updated',
        (n) => void heard.push(`${index} ${n.params.uri}`),
      );
      return client.listen({ resourceSubscriptions: index === 0 ? ['test://a', 'test://b'] : ['test://a'] });
    }),
  );
  await clients[0]?.callTool({ name: 'touch', arguments: { uri: 'test://a' } });
  await clients[0]?.callTool({ name: 'touch', arguments: { uri: 'test://b' } });
  await until(() => heard.length === 3);
  expect(heard.toSorted()).toEqual(['0 test://a', '0 test://b', '1 test://a']);
  await subscriptions[0]?.close();
  await said(served, 'unsubscribed test://b');
  expect(served.log).not.toContain('unsubscribed test://a');
  await subscriptions[1]?.close();
  await said(served, 'unsubscribed test://a');
  expect(served.log.filter((line) => line === 'subscribed test://a')).toHaveLength(1);
});

promise('P8', 'a 2026-07-28 server is relayed: its own answers, with _meta untouched', async () => {
  const served = await serve('modern-server.mjs');
  const client = await served.modernClient();
  expect(client.getServerVersion()?.name).toBe('modern-test-server');
  const { meta } = await whoami(client, { 'dev.vitrine/nonce': 'n1' });
  expect(meta).toMatchObject({ 'dev.vitrine/nonce': 'n1' });
  const unknown = await send(served.url, 1, 'no/such');
  expect([unknown.status, JSON.parse(unknown.body).error.code]).toEqual([404, -32601]);
});

promise(
  'P1',
  'concurrent clients with equal ids and equal progress tokens never get each other’s answers',
  async () => {
    const served = await serve('legacy-server.mjs');
    const names = Array.from({ length: 20 }, (_, index) => `n${index}`);
    const open = names.map((name) => send(served.url, 1, 'tools/call', { name: 'open', arguments: { name } }));
    const progress = names.map(() =>
      send(served.url, 1, 'tools/call', { name: 'progress', arguments: {}, _meta: { progressToken: 1 } }),
    );
    for (const { body } of await Promise.all(progress)) {
      expect(body.match(/"progressToken":1,/g)).toHaveLength(3);
    }
    for (const name of names) await said(served, `opens ${name}`);
    for (const name of names.toReversed())
      await send(served.url, 1, 'tools/call', { name: 'release', arguments: { name } });
    const answers = await Promise.all(open);
    expect(answers.map(({ body }) => JSON.parse(body).id)).toEqual(names.map(() => 1));
    expect(answers.map(({ body }) => textOf(JSON.parse(body).result))).toEqual(names.map((name) => `opened ${name}`));
  },
);

promise('P1', 'a log record whose owner is not certain is shown to nobody', async () => {
  const served = await serve('legacy-server.mjs');
  const asked = { 'io.modelcontextprotocol/logLevel': 'debug' };
  const curious = send(served.url, 1, 'tools/call', { name: 'open', arguments: { name: 'x' }, _meta: asked });
  await said(served, 'opens x');
  const client = await served.modernClient();
  await client.callTool({ name: 'log', arguments: {} });
  const both = await send(served.url, 1, 'tools/call', { name: 'log', arguments: {}, _meta: asked });
  await client.callTool({ name: 'release', arguments: { name: 'x' } });
  expect((await curious).body).toContain('opened x');
  expect((await curious).body).not.toContain('notifications/message');
  expect(both.body).not.toContain('notifications/message');
});

promise('P1', 'a client cannot cancel by id, since the id may be somebody else’s', async () => {
  const served = await serve('legacy-server.mjs');
  const open = send(served.url, 1, 'tools/call', { name: 'open', arguments: { name: 'x' } });
  const client = await served.modernClient();
  await said(served, 'opens x');
  const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } };
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'notifications/cancelled' };
  expect((await post(served.url, cancel, headers)).status).toBe(202);
  await client.callTool({ name: 'release', arguments: { name: 'x' } });
  expect((await open).body).toContain('opened x');
  expect(served.log).not.toContain('cancelled a request');
});

promise('P8', 'clients share a process by what they have declared', async () => {
  const served = await serve('legacy-server.mjs');
  await served.gateway.ready;
  async function seen(capabilities: object): Promise<{ pid: number; client: { capabilities: unknown } }> {
    const answer = await send(served.url, 1, 'tools/call', { name: 'whoami', arguments: {} }, { ...capabilities });
    return JSON.parse(textOf(JSON.parse(answer.body).result));
  }
  const plain = await seen({});
  const asking = await seen({ sampling: {}, elicitation: {}, roots: { listChanged: true } });
  const special = await seen({ experimental: { x: { b: 1, a: 2 } } });
  const same = await seen({ experimental: { x: { a: 2, b: 1 } } });
  expect(asking.pid).not.toBe(plain.pid);
  expect(asking.client.capabilities).toEqual({ sampling: {}, elicitation: {}, roots: {} });
  expect(special.pid).not.toBe(plain.pid);
  expect(same.pid).toBe(special.pid);
  expect(special.client.capabilities).toEqual({ experimental: { x: { a: 2, b: 1 } } });
});

promise(
  'P8',
  'when the server dies every running request gets an error, and the next one a fresh process',
  async () => {
    const served = await serve('legacy-server.mjs');
    const client = await served.modernClient();
    const { pid } = await whoami(client);
    const hanging = Promise.allSettled([client.callTool({ name: 'hang', arguments: {} })]);
    await said(served, 'hangs');
    const subscription = await client.listen({ toolsListChanged: true });
    const dying = client.callTool({ name: 'die', arguments: {} });
    await expect(dying).rejects.toThrow(/exited with code 7/);
    expect(await hanging).toMatchObject([{ status: 'rejected', reason: { code: -32603 } }]);
    await subscription.closed;
    expect((await whoami(client)).pid).not.toBe(pid);
    expect(isGone(pid)).toBe(true);
  },
);

promise('P8', 'headers that are missing or contradict the body are refused with 400 and -32020', async () => {
  const served = await serve('legacy-server.mjs');
  const { body, headers } = modernRequest(1, 'tools/call', { name: 'echo', arguments: { m: 'x' } });
  const flips: Record<string, string | undefined>[] = [
    { 'mcp-protocol-version': undefined },
    { 'mcp-protocol-version': '2025-11-25' },
    { 'mcp-method': undefined },
    { 'mcp-method': 'tools/list' },
    { 'mcp-name': undefined },
    { 'mcp-name': 'other' },
    { 'mcp-name': '=?base64?b3RoZXI=?=' },
    { 'mcp-name': '=?base64?***?=' },
  ];
  for (const flip of flips) {
    const changed = Object.entries({ ...headers, ...flip }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    );
    const answer = await post(served.url, body, Object.fromEntries(changed));
    expect([flip, answer.status, JSON.parse(answer.body).error.code]).toEqual([flip, 400, -32020]);
  }
  const encoded = { ...headers, 'mcp-name': '=?base64?ZWNobw==?=' };
  expect((await post(served.url, body, encoded)).status).toBe(200);
});

promise('P8', 'an unknown revision is refused with the supported ones, a broken envelope with its key', async () => {
  const served = await serve('legacy-server.mjs');
  const { body, headers } = modernRequest(1, 'tools/list');
  const future = JSON.parse(JSON.stringify(body).replaceAll('2026-07-28', '2027-01-01'));
  const answer = await post(served.url, future, { ...headers, 'mcp-protocol-version': '2027-01-01' });
  expect([answer.status, JSON.parse(answer.body)]).toMatchObject([
    400,
    { id: 1, error: { code: -32022, data: { supported: ['2026-07-28'], requested: '2027-01-01' } } },
  ]);
  const bare = await post(served.url, { jsonrpc: '2.0', id: 1, method: 'tools/list' }, headers);
  expect([bare.status, JSON.parse(bare.body).error.code]).toEqual([400, -32602]);
});
