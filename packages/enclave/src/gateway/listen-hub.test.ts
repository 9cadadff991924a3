import type { Result } from '@modelcontextprotocol/server';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { createListenHub, type ListenHub, type ResourceWatch } from './listen-hub.ts';
import type { Reply } from './peer.ts';

const capabilities = { tools: { listChanged: true }, resources: { subscribe: true } };

interface Heard {
  readonly notes: { method: string; params: unknown }[];
  readonly results: Result[];
  readonly errors: number[];
}

function open(hub: ListenHub, id: number, notifications: unknown): Heard & { close(): void } {
  const heard: Heard = { notes: [], results: [], errors: [] };
  const reply: Reply = {
    notify: (method, params) => heard.notes.push({ method, params }),
    succeed: (result) => heard.results.push(result),
    fail: (error) => heard.errors.push(error.code),
  };
  const params = { notifications };
  return { ...heard, close: hub.open({ jsonrpc: '2.0', id, method: 'subscriptions/listen', params }, reply) };
}

function hubWith(watch: Partial<ResourceWatch> = {}): ListenHub {
  return createListenHub(
    capabilities,
    { subscribe: () => Promise.resolve(), unsubscribe: () => Promise.resolve(), ...watch },
    2,
  );
}

const malformed = [
  undefined,
  null,
  [],
  'all',
  { toolsListChanged: 1 },
  { resourceSubscriptions: 'a' },
  { resourceSubscriptions: [1] },
];
for (const filter of [...malformed, { resourceSubscriptions: Array.from({ length: 257 }, String) }]) {
  promise('P8', `the filter ${JSON.stringify(filter)?.slice(0, 40)} is refused`, () => {
    const hub = hubWith();
    expect(open(hub, 1, filter).errors).toEqual([-32602]);
    expect(hub.size()).toBe(0);
  });
}

promise('P8', 'only what was asked for and can be had is acknowledged, and only that is delivered', async () => {
  const hub = hubWith();
  const tools = open(hub, 7, { toolsListChanged: true, promptsListChanged: true });
  const nothing = open(hub, 8, { promptsListChanged: true });
  await Promise.resolve();
  const meta = { 'io.modelcontextprotocol/subscriptionId': 7 };
  expect(tools.notes[0]).toEqual({
    method: 'notifications/subscriptions/acknowledged',
    params: { notifications: { toolsListChanged: true }, _meta: meta },
  });
  expect(nothing.results).toHaveLength(1);
  hub.publish({ jsonrpc: '2.0', method: 'notifications/prompts/list_changed' });
  hub.publish({ jsonrpc: '2.0', method: 'notifications/tools/list_changed', params: { _meta: { a: 1 } } });
  expect(tools.notes.slice(1)).toEqual([
    { method: 'notifications/tools/list_changed', params: { _meta: { a: 1, ...meta } } },
  ]);
  hub.endAll();
  expect(tools.results).toEqual([{ resultType: 'complete', _meta: meta }]);
});

promise('P8', 'a URI that the server refuses is left out of the acknowledgement', async () => {
  const hub = hubWith({
    subscribe: (uri) => (uri === 'test://no' ? Promise.reject(new Error('no')) : Promise.resolve()),
  });
  const heard = open(hub, 1, { resourceSubscriptions: ['test://no', 'test://yes'] });
  await expect.poll(() => heard.notes).toHaveLength(1);
  expect(heard.notes[0]?.params).toMatchObject({ notifications: { resourceSubscriptions: ['test://yes'] } });
});

promise('P8', 'a listener that leaves while the server is being asked leaves nothing watched', async () => {
  const dropped: string[] = [];
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const hub = hubWith({
    subscribe: () => asked,
    unsubscribe: async (uri) => void dropped.push(uri),
  });
  const heard = open(hub, 1, { resourceSubscriptions: ['test://a'] });
  heard.close();
  resolve();
  await expect.poll(() => dropped).toEqual(['test://a']);
  expect([hub.size(), heard.notes, heard.results, heard.errors]).toEqual([0, [], [], []]);
});

promise('P8', 'more streams than allowed are refused, and failing ends every stream with an error', () => {
  const hub = hubWith();
  const streams = [1, 2, 3].map((id) => open(hub, id, { toolsListChanged: true }));
  expect(streams[2]?.errors).toEqual([-32603]);
  hub.failAll('gone');
  expect(streams.map(({ errors }) => errors)).toEqual([[-32603], [-32603], [-32603]]);
  expect(hub.size()).toBe(0);
});
