import { duplexPair } from 'node:stream';
import { VitrineError } from '@vitrine/documents';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { RefusedRequestError } from '../intent.ts';
import { type Reply, serverOver, type TestServer } from '../testing/open-test-keyd.ts';
import { MAX_LINE_BYTES } from '../wire.ts';
import { MAX_RUNNING, type RequestHandler, serveConnection } from './connection.ts';

function connect(handle: RequestHandler = async (method) => method): TestServer & { readonly ended: Promise<void> } {
  const [near, far] = duplexPair();
  const ended = new Promise<void>((resolve) => {
    serveConnection(far, handle, resolve);
  });
  return { ...serverOver(near), ended };
}

/** Waits until the other side has answered everything that came before. */
async function settled({ ask }: TestServer): Promise<void> {
  await ask('last', {});
}

describe('lines', () => {
  test('a request that comes in pieces is one request, and several may come at once', async () => {
    const server = connect(async (_method, params) => params);
    const line = `${JSON.stringify({ jsonrpc: '2.0', id: 'x', method: 'é', params: { a: '€' } })}\n`;
    const bytes = Buffer.from(`${line}${line.replace('"x"', '"y"')}`);
    for (const byte of bytes) server.write(Buffer.from([byte]) as unknown as string);
    await settled(server);
    expect(server.other).toEqual([
      { jsonrpc: '2.0', id: 'x', result: { a: '€' } },
      { jsonrpc: '2.0', id: 'y', result: { a: '€' } },
    ]);
  });

  test.each<[string, string, number]>([
    ['no JSON', 'hello', -32700],
    ['nothing', '', -32700],
    ['two members of one name', '{"jsonrpc":"2.0","id":1,"id":2,"method":"a"}', -32700],
    ['a number that no double holds', '{"jsonrpc":"2.0","id":9007199254740993,"method":"a"}', -32700],
    ['deep nesting', `{"jsonrpc":"2.0","id":1,"method":"a","params":${'['.repeat(10_000)}`, -32700],
    ['a batch', '[{"jsonrpc":"2.0","id":1,"method":"a"}]', -32600],
    ['another version', '{"jsonrpc":"1.0","id":1,"method":"a"}', -32600],
    ['no version', '{"id":1,"method":"a"}', -32600],
    ['no method', '{"jsonrpc":"2.0","id":1}', -32600],
    ['an id that is none', '{"jsonrpc":"2.0","id":{},"method":"a"}', -32600],
    ['null as id', '{"jsonrpc":"2.0","id":null,"method":"a"}', -32600],
    ['an answer', '{"jsonrpc":"2.0","id":1,"result":1}', -32600],
    ['one more member', '{"jsonrpc":"2.0","id":1,"method":"a","token":"b"}', -32600],
    ['text', '"a"', -32600],
  ])('%s is complained about, and the connection lives on', async (_name, line, code) => {
    const server = connect();
    server.write(`${line}\n`);
    await settled(server);
    expect(server.other).toMatchObject([{ id: null, error: { code } }]);
  });

  test('bytes that are not UTF-8 are complained about', async () => {
    const server = connect();
    server.write(Buffer.from([0x22, 0xff, 0x22, 0x0a]) as unknown as string);
    await settled(server);
    expect(server.other).toMatchObject([{ id: null, error: { code: -32700 } }]);
  });

  promise('P4', 'whoever writes three lines that are no requests is hung up on', async () => {
    const server = connect();
    server.write('a\nb\nc\nd\n');
    await server.closed;
    await server.ended;
    expect(server.other).toHaveLength(3);
  });

  test('a line that is too long ends the connection, and is not kept', async () => {
    const server = connect();
    server.write('x'.repeat(MAX_LINE_BYTES + 1));
    await server.closed;
    expect(server.other).toMatchObject([{ id: null, error: { code: -32600 } }]);
    const fits = connect(async (_method, params) => JSON.stringify(params).length);
    expect(await fits.get('a', 'y'.repeat(MAX_LINE_BYTES - 100))).toBe(MAX_LINE_BYTES - 98);
  });

  test('notifications are not answered and do nothing', async () => {
    const methods: string[] = [];
    const server = connect(async (method) => methods.push(method));
    server.write('{"jsonrpc":"2.0","method":"sign"}\n');
    await settled(server);
    expect(methods).toEqual(['last']);
    expect(server.other).toEqual([]);
  });

  test('any bytes give answers or an end, and no exception', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.uint8Array({ maxLength: 40 }),
            fc.json().map((text) => Buffer.from(`${text}\n`)),
          ),
        ),
        async (chunks) => {
          const server = connect();
          for (const chunk of chunks) server.write(Buffer.from(chunk) as unknown as string);
          server.end();
          await server.ended;
          for (const reply of server.other as readonly Reply[])
            expect('result' in reply || 'error' in reply).toBe(true);
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('requests', () => {
  test('only so many run at once, and all are answered', async () => {
    let running = 0;
    let most = 0;
    const release: (() => void)[] = [];
    const server = connect(async () => {
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => void release.push(resolve));
      running--;
      return null;
    });
    const all = Array.from({ length: 3 * MAX_RUNNING }, () => server.ask('a', {}));
    const first = Promise.race(all);
    while (release.length < MAX_RUNNING) await new Promise((resolve) => setImmediate(resolve));
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(release).toHaveLength(MAX_RUNNING);
    release.shift()?.();
    await first;
    let isDone = false;
    const done = Promise.all(all).then(() => {
      isDone = true;
    });
    while (!isDone) {
      release.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await done;
    expect(most).toBe(MAX_RUNNING);
  });

  test('a server that asks much at once does not hold another up', async () => {
    const order: string[] = [];
    const note: RequestHandler = async (method) => void order.push(method);
    const [busy, other] = [connect(note), connect(note)];
    const lines = Array.from({ length: MAX_RUNNING }, (_, id) => ({ jsonrpc: '2.0', id: `x${id}`, method: 'busy' }));
    busy.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    await Promise.all([other.ask('other', {}), settled(busy)]);
    expect(order).toHaveLength(MAX_RUNNING + 2);
    expect(order.indexOf('other')).toBeLessThan(MAX_RUNNING / 2);
  });

  test('two requests with one id do not run together', async () => {
    let release: () => void = () => undefined;
    const server = connect((method) =>
      method === 'last' ? Promise.resolve(1) : new Promise((resolve) => (release = () => resolve(null))),
    );
    server.write('{"jsonrpc":"2.0","id":"x","method":"a"}\n{"jsonrpc":"2.0","id":"x","method":"a"}\n');
    await settled(server);
    expect(server.other).toMatchObject([{ id: null, error: { data: { code: 'keys.request' } } }]);
    release();
    await settled(server);
    expect(server.other).toHaveLength(2);
  });

  test('the end of the socket aborts what runs', async () => {
    const aborted = new Promise<void>((resolve) => {
      const server = connect((_method, _params, signal) => {
        signal.addEventListener('abort', () => resolve());
        server.end();
        return new Promise(() => undefined);
      });
      void server.ask('a', {});
    });
    await aborted;
  });

  promise('P4', 'errors that are not ours are not described', async () => {
    const secret = 'f00dfeed'.repeat(8);
    const errors: Readonly<Record<string, Error>> = {
      foreign: new TypeError(`bad key ${secret}`),
      refused: new RefusedRequestError('evm.example', 'no'),
      ours: new VitrineError('ledger.full', 'full'),
    };
    const server = connect(async (method) => {
      throw errors[method] ?? new Error(secret);
    });
    const [foreign, refused, ours] = await Promise.all(
      ['foreign', 'refused', 'ours'].map((method) => server.ask(method, {})),
    );
    expect(foreign?.error).toMatchObject({ code: -32053, data: { code: 'keys.internal' } });
    expect(refused?.error).toMatchObject({ code: -32050, data: { code: 'evm.example' } });
    expect(ours?.error).toMatchObject({ code: -32053, data: { code: 'ledger.full' } });
    expect(server.transcript()).not.toContain(secret);
  });
});
