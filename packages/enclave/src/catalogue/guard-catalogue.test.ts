import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/server';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { ServerConsumer, ServerProcess } from '../gateway/server-contract.ts';
import { guardCatalogue } from './guard-catalogue.ts';
import { readTools } from './tools.ts';

const PINNED = { name: 'a', inputSchema: { type: 'object' } };
const OTHER = { name: 'b', inputSchema: { type: 'object' } };

interface Guarded {
  readonly guarded: ServerProcess;
  /** What reached the server. */
  readonly sent: readonly JSONRPCMessage[];
  /** What reached the gateway, and what it belongs to. */
  readonly received: readonly (readonly [unknown, RequestId | undefined])[];
  readonly notes: readonly string[];
  say(message: unknown, relatedTo?: RequestId): void;
}

function guard(): Guarded {
  const sent: JSONRPCMessage[] = [];
  const received: (readonly [unknown, RequestId | undefined])[] = [];
  const notes: string[] = [];
  let consumer: ServerConsumer | undefined;
  const pinned = new Map((readTools({ tools: [PINNED] }) ?? []).map(({ name, digest }) => [name, digest]));
  const process: ServerProcess = {
    pid: 1,
    exited: new Promise(() => undefined),
    isAlive: () => true,
    send: (message) => void sent.push(message),
    attach: (next) => {
      consumer = next;
    },
    stop: async () => undefined,
  };
  const guarded = guardCatalogue(
    process,
    () => pinned,
    (line) => void notes.push(line),
  );
  guarded.attach({
    onMessage: (message, relatedTo) => void received.push([message, relatedTo]),
    onExit: () => undefined,
  });
  return {
    guarded,
    sent,
    received,
    notes,
    say: (message, relatedTo) => consumer?.onMessage(message as JSONRPCMessage, relatedTo),
  };
}

const list = (id: RequestId): JSONRPCMessage => ({ jsonrpc: '2.0', id, method: 'tools/list' });
const listed = (id: RequestId, tools: readonly object[]): object => ({ jsonrpc: '2.0', id, result: { tools } });

promise('P3', 'a list shows what is pinned and nothing else', () => {
  const { guarded, say, received } = guard();
  guarded.send(list(1));
  say(listed(1, [PINNED, OTHER]));
  expect(received).toEqual([[listed(1, [PINNED]), undefined]]);
});

promise('P3', 'a call that wants no answer is a call, and does not reach the server', () => {
  const { guarded, sent, notes } = guard();
  guarded.send({ jsonrpc: '2.0', method: 'tools/call', params: { name: 'b' } });
  guarded.send({ jsonrpc: '2.0', method: 'tools/call', params: { name: 'a' } });
  expect(sent).toEqual([]);
  expect(notes).toHaveLength(2);
});

promise('P3', 'a message that is a request and an answer at once brings no list past the pin', () => {
  const { guarded, say, received, notes } = guard();
  guarded.send(list(1));
  say({ ...listed(1, [OTHER]), method: 'ping' });
  say({ ...listed(1, [OTHER]), method: 'notifications/message', id: undefined });
  expect(received).toEqual([]);
  expect(notes).toHaveLength(2);
});

promise('P8', 'what a message belongs to is passed on with it', () => {
  const { say, received } = guard();
  const question = { jsonrpc: '2.0', id: 7, method: 'elicitation/create', params: {} };
  say(question, 3);
  expect(received).toEqual([[question, 3]]);
});

promise('P1', 'a list that was given up is not remembered: its id may be used for something else', () => {
  const { guarded, say, received } = guard();
  guarded.send(list(1));
  guarded.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
  const answer = { jsonrpc: '2.0', id: 1, result: { contents: [] } };
  say(answer);
  expect(received).toEqual([[answer, undefined]]);
});

for (const [what, value] of [
  ['a number without bounds', '1e999'],
  ['half a character', String.raw`"\ud800"`],
] as const) {
  promise('P1', `a list with ${what} is an error to whoever asked, and ends nothing`, () => {
    const { guarded, say, received } = guard();
    guarded.send(list(1));
    say(JSON.parse(`{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a","inputSchema":{"x":${value}}}]}}`));
    expect(received).toMatchObject([[{ id: 1, error: { code: -32603 } }, undefined]]);
  });
}
