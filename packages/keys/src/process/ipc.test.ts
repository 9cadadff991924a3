import { EventEmitter } from 'node:events';
import { UsageError, VitrineError } from '@vitrine/documents';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type IpcEnd, type IpcHandler, openIpc } from './ipc.ts';
import { messageShapes, readMessage } from './protocol.ts';

/** Two ends in one process. */
function pair(): readonly [IpcEnd & EventEmitter, IpcEnd & EventEmitter] {
  const make = (): IpcEnd & EventEmitter => new EventEmitter() as IpcEnd & EventEmitter;
  const [left, right] = [make(), make()];
  const to =
    (other: EventEmitter): NonNullable<IpcEnd['send']> =>
    (message, handle, _options, callback) => {
      queueMicrotask(() => {
        other.emit('message', structuredClone(message), handle);
        callback(null);
      });
      return true;
    };
  left.send = to(right);
  right.send = to(left);
  return [left, right];
}

function calls(handlers: Readonly<Record<string, IpcHandler>>) {
  const [left, right] = pair();
  openIpc(right, handlers);
  return { ...openIpc(left, {}), left, right };
}

test('answers come to whom they belong, in any order', async () => {
  const waiting: (() => void)[] = [];
  const { call } = calls({
    slow: (argument) => new Promise((resolve) => void waiting.push(() => resolve(argument))),
    fast: (argument) => argument,
  });
  const slow = call('slow', 1);
  expect(await call('fast', new Uint8Array([2]))).toEqual(new Uint8Array([2]));
  waiting[0]?.();
  expect(await slow).toBe(1);
});

promise('P4', 'our errors keep their code and kind, foreign ones say nothing', async () => {
  const { call } = calls({
    usage: () => {
      throw new UsageError('a.b', 'do that');
    },
    ours: () => Promise.reject(new VitrineError('c.d', 'it is so')),
    foreign: () => Promise.reject(new TypeError('secret bytes')),
    system: () => Promise.reject(Object.assign(new Error('secret path'), { code: 'ENOSPC' })),
  });
  await expect(call('usage', 0)).rejects.toBeInstanceOf(UsageError);
  await expect(call('usage', 0)).rejects.toMatchObject({ code: 'a.b', message: 'do that' });
  await expect(call('ours', 0)).rejects.toMatchObject({ code: 'c.d' });
  for (const method of ['foreign', 'system']) await expect(call(method, 0)).rejects.not.toThrow(/secret/);
  await expect(call('system', 0)).rejects.toThrow('ENOSPC');
  for (const method of ['nothing', 'constructor', '__proto__']) {
    await expect(call(method, 0)).rejects.toMatchObject({ code: 'keys.protocol' });
  }
});

test('the end of the channel ends calls on both sides', async () => {
  let aborted = false;
  const { call, left, right } = calls({
    hang: (_argument, _handle, signal) =>
      new Promise(() => {
        signal.addEventListener('abort', () => {
          aborted = true;
        });
      }),
  });
  const hanging = call('hang', 0);
  await Promise.resolve();
  await Promise.resolve();
  right.emit('disconnect');
  left.emit('disconnect');
  await expect(hanging).rejects.toMatchObject({ code: 'keys.service-ended' });
  expect(aborted).toBe(true);
  await expect(call('hang', 0)).rejects.toMatchObject({ code: 'keys.service-ended' });
});

test('any message is taken without harm', async () => {
  await fc.assert(
    fc.asyncProperty(fc.anything(), async (message) => {
      const end = new EventEmitter() as IpcEnd & EventEmitter;
      end.send = (_message, _handle, _options, callback) => {
        callback(null);
        return true;
      };
      openIpc(end, {});
      end.emit('message', message, undefined);
    }),
  );
});

promise('P4', 'a message of another form is refused', () => {
  const sandbox = { process: 'none', seccomp: false, cgroup: false, volume: 'directory' };
  expect(readMessage(messageShapes.bind, { tlsSpki: new Uint8Array(32), sandbox })).toMatchObject({ sandbox });
  const bad: readonly [keyof typeof messageShapes, unknown][] = [
    ['bind', { tlsSpki: new Uint8Array(31), sandbox }],
    ['bind', { tlsSpki: new Uint8Array(32), sandbox: { ...sandbox, more: 1 } }],
    ['channel', { nonce: new Uint8Array(32), exporter: new Uint8Array(32) }],
    ['channel', { nonce: new Uint8Array(32), exporter: new Uint8Array(32), leafSpki: 'x'.repeat(32) }],
    [
      'channel',
      {
        nonce: new Uint8Array(32),
        exporter: new Uint8Array(32),
        leafSpki: new Uint8Array(32),
        reportData: new Uint8Array(64),
      },
    ],
    ['instance', { id: '', principal: 'ada', isolated: true }],
    ['instance', { id: 'a', principal: 'ada', isolated: 1 }],
    ['start', { manifest: {}, genesis: true, user: { uid: 0, gid: 0 }, starter: {} }],
    ['payload', []],
    ['payload', null],
    ['name', 'a'.repeat(257)],
  ];
  for (const [shape, value] of bad) {
    expect(() => readMessage<unknown>(messageShapes[shape], value)).toThrow(VitrineError);
  }
});
