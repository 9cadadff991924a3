import fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { idOf, parseLine } from './message.ts';

promise('P8', 'any line is messages or nothing, never an exception', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
      const messages = parseLine(line);
      for (const message of messages ?? []) expect(message.jsonrpc).toBe('2.0');
    }),
  );
});

const wrong: readonly (readonly [string, unknown])[] = [
  ['not an object', 'text'],
  ['an empty batch', []],
  ['a batch with something else in it', [{ jsonrpc: '2.0', method: 'a' }, 1]],
  ['another version', { jsonrpc: '1.0', method: 'a' }],
  ['an id that is neither text nor number', { jsonrpc: '2.0', id: {}, method: 'a' }],
  ['positional parameters', { jsonrpc: '2.0', id: 1, method: 'a', params: [1] }],
  ['a result that is no object', { jsonrpc: '2.0', id: 1, result: 1 }],
  ['a result without id', { jsonrpc: '2.0', result: {} }],
  ['an error without code', { jsonrpc: '2.0', id: 1, error: { message: 'x' } }],
  ['neither method, result nor error', { jsonrpc: '2.0', id: 1 }],
];

for (const [name, value] of wrong) {
  promise('P8', `${name} is no message`, () => {
    expect(parseLine(JSON.stringify(value))).toBeUndefined();
  });
}

promise('P8', 'the four kinds of message and a batch of them are recognised and left as they are', () => {
  const messages = [
    { jsonrpc: '2.0', id: 'a', method: 'm', params: { _meta: { x: 1 } } },
    { jsonrpc: '2.0', method: 'n' },
    { jsonrpc: '2.0', id: 0, result: { extra: [] } },
    { jsonrpc: '2.0', id: 0, error: { code: 1, message: 'x', data: 2 } },
  ];
  for (const message of messages) expect(parseLine(JSON.stringify(message))).toEqual([message]);
  expect(parseLine(JSON.stringify(messages))).toEqual(messages);
});

promise('P8', 'only requests have an id to answer to', () => {
  expect(idOf({ method: 'm', id: 0 })).toBe(0);
  for (const body of [undefined, null, [], { id: 1 }, { method: 'm' }, { method: 'm', id: {} }])
    expect(idOf(body)).toBeNull();
});
