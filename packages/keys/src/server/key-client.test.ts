import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type Answer, type AskedLine, answering } from '../testing/answering.ts';
import { serverStore } from './document-store.ts';
import { jwsSigner } from './jws-signer.ts';
import { connectKeys, type KeyClient, KeyServiceError, keyClient } from './key-client.ts';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function pair(answer: Answer): Promise<{ keys: KeyClient; theirs: Socket; asked: readonly AskedLine[] }> {
  const directory = await mkdtemp(path.join(tmpdir(), 'vitrine-keys-'));
  undo.push(() => rm(directory, { recursive: true }));
  const server = createServer().listen(path.join(directory, 's'));
  undo.push(() => server.close());
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const ours = connect(path.join(directory, 's'));
  const [theirs] = await accepted;
  undo.push(() => theirs.destroy());
  const keys = keyClient(ours);
  undo.push(() => keys.close());
  return { keys, theirs, asked: answering(theirs, answer) };
}

describe('the client of the key service', () => {
  test('answers come to who asked, in whatever order', async () => {
    const late: AskedLine[] = [];
    const { keys, theirs } = await pair((asked) => {
      late.push(asked);
      if (late.length < 2) return undefined;
      for (const one of late.toReversed()) {
        theirs.write(`${JSON.stringify({ jsonrpc: '2.0', id: one.id, result: { bytes: String(one.id) } })}\n`);
      }
      return undefined;
    });
    const both = await Promise.all([keys.call('random', { bytes: 1 }), keys.call('random', { bytes: 2 })]);
    expect(both).toEqual([{ bytes: '1' }, { bytes: '2' }]);
  });

  test('a refusal carries its code, its rule and what is to be approved', async () => {
    const { keys } = await pair(() => ({
      error: {
        code: -32052,
        message: 'two must sign',
        data: { code: 'approval.needed', rule: 'large', approval: '{}' },
      },
    }));
    await expect(keys.call('sign', { key: 'a', context: 'c', message: '' })).rejects.toMatchObject({
      name: 'KeyServiceError',
      message: 'two must sign',
      code: 'approval.needed',
      rule: 'large',
      approval: '{}',
    });
  });

  test('whoever waits hears that the service is gone, and so does who asks later', async () => {
    const { keys, theirs } = await pair(() => {
      theirs.destroy();
      return undefined;
    });
    await expect(keys.call('keys.list', {})).rejects.toMatchObject({ code: 'keys.gone' });
    await expect(keys.call('keys.list', {})).rejects.toBeInstanceOf(KeyServiceError);
  });

  test.each([{}, { VITRINE_KEYS: '' }, { VITRINE_KEYS: '3' }, { VITRINE_KEYS: 'fd:x' }])(
    'without a descriptor in the environment there are no keys: %j',
    (environment) => {
      expect(() => connectKeys(environment)).toThrow(/VITRINE_KEYS is not set/);
    },
  );

  test('the store and the JWS signer speak the methods of the wire', async () => {
    const { keys, asked } = await pair(({ method }) => ({
      result: { 'jws.sign': { jws: 'a.b.c' }, 'store.put': { version: 2 }, 'store.get': null }[method] ?? [],
    }));
    const notes = serverStore(keys).collection('notes');
    expect(await notes.put('a', { n: 1 })).toBe(2);
    expect(await notes.get('b')).toBeUndefined();
    expect(await notes.list()).toEqual([]);
    expect(await jwsSigner(keys, 'tokens', 'JWT')({ aud: 'x', exp: 1 })).toBe('a.b.c');
    expect(asked.map(({ method, params }) => [method, params])).toEqual([
      ['store.put', { collection: 'notes', id: 'a', document: { n: 1 } }],
      ['store.get', { collection: 'notes', id: 'b' }],
      ['store.list', { collection: 'notes' }],
      ['jws.sign', { key: 'tokens', type: 'JWT', claims: { aud: 'x', exp: 1 } }],
    ]);
  });
});
