import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { post, type Served, said, serve, textOf, until } from './testing/served.ts';

const ALL = { elicitation: {}, sampling: {}, roots: { listChanged: true } } as const;

async function modernOnly(limits: Parameters<typeof serve>[2] = {}): Promise<Served> {
  return serve('modern-server.mjs', [], limits);
}

promise(
  'P8',
  'a 2025-11-25 client gets the tools, resources and words of a server that is only of 2026-07-28',
  async () => {
    const served = await modernOnly();
    const client = await served.legacyClient();
    expect(client.getServerVersion()).toMatchObject({ name: 'modern-test-server', version: '1.0.0' });
    expect(client.getInstructions()).toBe('Be modern.');
    expect(client.getNegotiatedProtocolVersion()).toBe('2025-11-25');
    expect(client.getServerCapabilities()).toMatchObject({ tools: { listChanged: true }, logging: {} });
    expect((await client.listTools()).tools.map((tool) => tool.name)).toContain('rounds');
    expect((await client.readResource({ uri: 'test://text' })).contents[0]).toMatchObject({ text: 'hello' });
    await client.ping();
  },
);

promise('P8', 'each request carries who the client is, and keeps its own _meta', async () => {
  const served = await modernOnly();
  const client = await served.legacyClient({ capabilities: ALL });
  const { meta } = JSON.parse(
    textOf(await client.callTool({ name: 'whoami', arguments: {}, _meta: { 'dev.vitrine/nonce': 'n1' } })),
  );
  expect(meta).toMatchObject({ 'dev.vitrine/nonce': 'n1' });
});

promise(
  'P8',
  'a 2025-11-25 client is asked by a server that is only of 2026-07-28, several rounds and at once',
  async () => {
    const served = await modernOnly();
    const client = await served.legacyClient({ capabilities: ALL });
    const asked: string[] = [];
    client.setRequestHandler('elicitation/create', async ({ params }) => {
      asked.push(params.message);
      return { action: 'accept', content: { answer: `a${asked.length}` } };
    });
    client.setRequestHandler('sampling/createMessage', async () => ({
      role: 'assistant',
      model: 'm',
      content: { type: 'text', text: 'hello' },
    }));
    client.setRequestHandler('roots/list', async () => ({ roots: [{ uri: 'file:///r' }] }));
    expect(textOf(await client.callTool({ name: 'rounds', arguments: {} }))).toContain('a1 is a2');
    expect(asked).toEqual(['name', 'colour of a1']);
    expect(JSON.parse(textOf(await client.callTool({ name: 'together', arguments: {} })))).toMatchObject({
      elicited: { action: 'accept', content: { answer: 'a3' } },
      sampled: { model: 'm' },
      roots: { roots: [{ uri: 'file:///r' }] },
    });
    expect(textOf(await client.callTool({ name: 'pending', arguments: {} }))).toContain('at last');
  },
);

promise('P8', 'a client that cannot answer ends its request with its own error', async () => {
  const served = await modernOnly();
  const client = await served.legacyClient({ capabilities: ALL });
  client.setRequestHandler('elicitation/create', async () => {
    throw new Error('nobody is here');
  });
  await expect(client.callTool({ name: 'rounds', arguments: {} })).rejects.toThrow(/nobody is here/);
  await client.ping();
});

promise('P8', 'what the client did not declare is refused and not asked', async () => {
  const served = await modernOnly();
  const client = await served.legacyClient({ capabilities: { sampling: {} } });
  await expect(client.callTool({ name: 'rounds', arguments: {} })).rejects.toThrow();
  const form = await served.legacyClient({ capabilities: { elicitation: { form: {} } } });
  await expect(form.callTool({ name: 'url', arguments: {} })).rejects.toThrow();
});

promise('P8', 'a question for a page has the name that the old era wants', async () => {
  const served = await modernOnly();
  const client = await served.legacyClient({ capabilities: { elicitation: { url: {} } } });
  let named: unknown;
  client.setRequestHandler('elicitation/create', async ({ params }) => {
    named = 'elicitationId' in params ? params.elicitationId : undefined;
    return { action: 'accept' };
  });
  expect(textOf(await client.callTool({ name: 'url', arguments: {} }))).toContain('seen');
  expect(named).toMatch(/^[0-9a-f-]{36}$/);
});

promise('P8', 'a server that never has enough is stopped', async () => {
  const served = await modernOnly({ inputRounds: 3 });
  const client = await served.legacyClient({ capabilities: ALL });
  let times = 0;
  client.setRequestHandler('elicitation/create', async () => {
    times += 1;
    return { action: 'accept', content: {} };
  });
  await expect(client.callTool({ name: 'loop', arguments: {} })).rejects.toThrow(/more than 3 times/);
  expect(times).toBe(3);
});

promise('P8', 'results are those of the old era, and a missing resource has its code', async () => {
  const served = await modernOnly();
  const opened = await raw(served);
  const missing = await opened({ id: 3, method: 'resources/read', params: { uri: 'test://none' } });
  expect(missing).toContain('"code":-32002');
  const list = await opened({ id: 7, method: 'tools/list' });
  expect(list).toContain('"id":7');
  expect(list).not.toContain('resultType');
  expect(await opened({ id: 'p', method: 'ping' })).toContain('{"jsonrpc":"2.0","id":"p","result":{}}');
  expect(await opened({ id: 'l', method: 'logging/setLevel', params: { level: 'info' } })).toContain('"result":{}');
  expect(await opened({ id: 1, method: 'logging/setLevel', params: { level: 'loud' } })).toContain('-32602');
  expect(await opened({ id: 1, method: 'resources/subscribe', params: {} })).toContain('-32602');
  for (const method of ['tasks/list', 'subscriptions/listen', 'server/discover', 'no/such']) {
    expect(await opened({ id: 2, method })).toContain('-32601');
  }
});

promise('P8', 'progress, log records after setLevel and list changes reach the client', async () => {
  const served = await modernOnly();
  const client = await served.legacyClient();
  const heard: string[] = [];
  client.setNotificationHandler('notifications/message', (note) => void heard.push(String(note.params.data)));
  client.setNotificationHandler('notifications/tools/list_changed', () => void heard.push('tools'));
  const notes: number[] = [];
  await client.callTool({ name: 'progress', arguments: {} }, { onprogress: (note) => notes.push(note.progress) });
  expect(notes).toEqual([1, 2, 3]);
  await client.callTool({ name: 'log', arguments: {} });
  expect(heard).toEqual([]);
  await client.setLoggingLevel('warning');
  await client.callTool({ name: 'log', arguments: {} });
  await until(() => heard.includes('large'));
  await client.callTool({ name: 'change', arguments: {} });
  await until(() => heard.includes('tools'));
});

promise('P8', 'subscriptions to resources are granted, changed and ended', async () => {
  const served = await modernOnly();
  const client = await served.legacyClient();
  await client.subscribeResource({ uri: 'test://text' });
  await client.subscribeResource({ uri: 'test://other' });
  await client.unsubscribeResource({ uri: 'test://text' });
  let changes = 0;
  client.setNotificationHandler('notifications/tools/list_changed', () => {
    changes += 1;
  });
  await client.callTool({ name: 'change', arguments: {} });
  await until(() => changes > 0);
});

promise('P8', 'a cancelled request is cancelled in the server, and the session goes on', async () => {
  const served = await modernOnly();
  const client = await served.legacyClient();
  const abort = new AbortController();
  const hanging = client.callTool({ name: 'hang', arguments: {} }, { signal: abort.signal });
  await said(served, 'hangs');
  abort.abort();
  await expect(hanging).rejects.toThrow();
  await said(served, 'cancelled a request');
  await client.ping();
});

promise('P8', 'when such a server dies its session ends and the next one works', async () => {
  const served = await modernOnly();
  const client = await served.legacyClient();
  const { pid } = JSON.parse(textOf(await client.callTool({ name: 'whoami', arguments: {} })));
  const hanging = client.callTool({ name: 'hang', arguments: {} });
  const outcome = Promise.allSettled([hanging]);
  await said(served, 'hangs');
  process.kill(pid, 'SIGKILL');
  expect(await outcome).toMatchObject([{ status: 'rejected' }]);
  expect((await (await served.legacyClient()).listTools()).tools.length).toBeGreaterThan(0);
});

promise('P1', 'sessions with equal ids get their own questions and results', async () => {
  const served = await modernOnly();
  await Promise.all(
    Array.from({ length: 6 }, async (_, index) => {
      const client = await served.legacyClient({ capabilities: ALL });
      client.setRequestHandler('elicitation/create', async ({ params }) => ({
        action: 'accept',
        content: { answer: `${index}:${params.message}` },
      }));
      const results = await Promise.all([1, 2, 3].map(() => client.callTool({ name: 'rounds', arguments: {} })));
      for (const result of results) {
        expect(textOf(result)).toContain(`${index}:name is ${index}:colour of ${index}:name`);
      }
    }),
  );
});

/** A session without an SDK: sends one message, gives the body of the answer. */
async function raw(served: Served): Promise<(message: object) => Promise<string>> {
  const opened = await post(served.url, {
    jsonrpc: '2.0',
    id: 0,
    method: 'initialize',
    params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
  });
  expect(opened.body).toContain('"protocolVersion":"2025-06-18"');
  const headers = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
  return async (message) => (await post(served.url, { jsonrpc: '2.0', ...message }, headers)).body;
}
