/** What the HTTP side of a session refuses, and to which stream it gives a message. */
import type { JSONRPCMessage } from '@modelcontextprotocol/server';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type Answer, createDeparture } from './endpoint.ts';
import { createLegacyTransport, type LegacyTransport } from './legacy-transport.ts';

const ACCEPT = { accept: 'application/json, text/event-stream' };
const INITIALIZE = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'c', version: '1' } },
};
const request = (id: number | string): object => ({ jsonrpc: '2.0', id, method: 'tools/list' });
const result = (id: number | string): JSONRPCMessage => ({ jsonrpc: '2.0', id, result: {} });
const NOTE: JSONRPCMessage = { jsonrpc: '2.0', method: 'notifications/x' };

interface Session {
  readonly transport: LegacyTransport;
  readonly heard: JSONRPCMessage[];
  send(method: string, body?: unknown, headers?: Readonly<Record<string, string>>): Answer;
}

function session(): Session {
  const heard: JSONRPCMessage[] = [];
  const transport = createLegacyTransport(60_000, { onMessage: (one) => heard.push(one), onClose: () => undefined });
  return {
    transport,
    heard,
    send: (method, body, headers = ACCEPT) =>
      transport.handle({ method, headers: new Headers(headers), departure: createDeparture().departure }, body),
  };
}

function opened(): Session {
  const one = session();
  one.send('POST', INITIALIZE);
  one.heard.length = 0;
  return one;
}

/** What is written of an answer, as messages, and `end`. */
function read({ body }: Answer): readonly unknown[] {
  const seen: unknown[] = [];
  const note = (text: string): void => {
    for (const line of text.split('\n')) if (line.startsWith('data: ')) seen.push(JSON.parse(line.slice(6)));
  };
  if (typeof body !== 'object') throw new Error('not a stream');
  body.pipe({
    write: note,
    end(text) {
      note(text);
      seen.push('end');
    },
  });
  return seen;
}

promise('P8', 'initialize names the session, and is heard', () => {
  const { transport, heard, send } = session();
  const answer = send('POST', INITIALIZE);
  expect([answer.status, answer.headers['Mcp-Session-Id']]).toEqual([200, transport.id()]);
  expect(heard).toEqual([INITIALIZE]);
});

const refused: Readonly<Record<string, readonly [number, string, unknown?, Readonly<Record<string, string>>?]>> = {
  'a POST that accepts no events': [406, 'POST', request(1), { accept: 'application/json' }],
  'a POST that accepts no JSON': [406, 'POST', request(1), { accept: 'text/event-stream' }],
  'a GET that accepts no events': [406, 'GET', undefined, { accept: 'application/json' }],
  'an unknown revision': [400, 'POST', request(1), { ...ACCEPT, 'mcp-protocol-version': '1999-01-01' }],
  'an unknown revision in a DELETE': [400, 'DELETE', undefined, { 'mcp-protocol-version': '1999-01-01' }],
  'a second initialize': [400, 'POST', INITIALIZE],
  'a batch with initialize': [400, 'POST', [INITIALIZE, request(1)]],
  'what is no JSON-RPC': [400, 'POST', { hello: 1 }],
  'a batch with something else in it': [400, 'POST', [request(1), 7]],
  'a batch without end': [400, 'POST', Array.from({ length: 101 }, (_, id) => request(id))],
};
for (const [what, [status, method, body, headers]] of Object.entries(refused)) {
  promise('P8', `${what} is refused with ${status} and not heard`, () => {
    const { heard, send } = opened();
    const answer = send(method, body, headers);
    expect([answer.status, heard]).toEqual([status, []]);
    expect(JSON.parse(String(answer.body))).toMatchObject({ jsonrpc: '2.0', id: null, error: {} });
  });
}

promise('P8', 'notifications and answers are accepted without content', () => {
  const { heard, send } = opened();
  expect([send('POST', NOTE).status, send('POST', result(4)).status]).toEqual([202, 202]);
  expect(heard).toEqual([NOTE, result(4)]);
});

promise('P1', 'each request gets its own answer and what belongs to it, and nothing else', () => {
  const { transport, send } = opened();
  const [one, other] = [read(send('POST', request(1))), read(send('POST', request('1')))];
  transport.send(NOTE, '1');
  transport.send(result('1'));
  expect([one, other]).toEqual([[], [NOTE, result('1'), 'end']]);
  transport.send(result(1));
  transport.send(result(1));
  expect(one).toEqual([result(1), 'end']);
});

promise('P8', 'the stream of a batch ends with its last answer', () => {
  const { transport, send } = opened();
  const seen = read(send('POST', [request(1), request(2)]));
  transport.send(result(2));
  expect(seen).toEqual([result(2)]);
  transport.send(result(1));
  expect(seen).toEqual([result(2), result(1), 'end']);
});

promise('P8', 'the stream of a batch does not wait for a request that gets no answer', () => {
  const { transport, send } = opened();
  const seen = read(send('POST', [request(1), request(2)]));
  transport.release(1);
  expect(seen).toEqual([]);
  transport.send(result(2));
  expect(seen).toEqual([result(2), 'end']);
});

promise('P8', 'what belongs to no request goes to the standing stream, also when that opens later', () => {
  const { transport, send } = opened();
  transport.send(NOTE);
  const first = read(send('GET'));
  transport.send(NOTE);
  expect([first, transport.isListening()]).toEqual([[NOTE, NOTE], true]);
  // The newest stream wins.
  const second = read(send('GET'));
  transport.send(NOTE);
  expect([first, second]).toEqual([[NOTE, NOTE, 'end'], [NOTE]]);
});

promise('P8', 'DELETE ends every stream, and afterwards there is no session', () => {
  const { heard, send } = opened();
  const streams = [read(send('POST', request(1))), read(send('GET'))];
  heard.length = 0;
  expect(send('DELETE').status).toBe(200);
  expect(streams).toEqual([['end'], ['end']]);
  expect([send('POST', request(2)).status, send('GET').status, heard]).toEqual([404, 404, []]);
});
