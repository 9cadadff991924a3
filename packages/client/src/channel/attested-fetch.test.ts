import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { RefusedError } from '../errors.ts';
import { hollowBundle } from '../testing/evidence.ts';
import { reply, startTestServer } from '../testing/tls-server.ts';
import { attestedFetch } from './attested-fetch.ts';
import { laneOf } from './lanes.ts';

const LIMIT = { timeLimitMs: 10_000 };
const bundle = await hollowBundle();
const attest = async (): Promise<Buffer> => reply(bundle);
const accept = async (): Promise<void> => {};
const call = (id: number): RequestInit => ({
  method: 'POST',
  body: JSON.stringify({ jsonrpc: '2.0', id, method: 'x' }),
});

/** Repeats `action` until it fails as `wanted`, a few times at most. */
async function retry(action: () => Promise<unknown>, wanted: (error: unknown) => boolean): Promise<unknown> {
  let last: unknown;
  for (let attempt = 0; attempt < 5; attempt++) {
    last = await action().catch((error: unknown) => error);
    if (wanted(last)) break;
  }
  return last;
}

describe('an attested fetch', () => {
  promise('P2', 'judges every connection, and each request travels on a judged one', async () => {
    let judged = 0;
    await using server = await startTestServer({ attest, serve: (_, response, body) => response.end(body) });
    const { fetch, close } = attestedFetch(server.url, async () => void judged++, LIMIT);
    const answers = await Promise.all([1, 2].map(async (id) => (await fetch(server.url, call(id))).text()));
    expect(answers.map((text) => JSON.parse(text).id)).toEqual([1, 2]);
    expect([judged, server.attested()]).toEqual([2, 2]);
    // A third request finds a connection that is judged already.
    await (await fetch(server.url, call(3))).text();
    expect(judged).toBe(2);
    await close();
  });

  promise('P2', 'judges again when the server behind the address is replaced', async () => {
    let judged = 0;
    await using server = await startTestServer({ attest, serve: (_, response) => response.end('{}') });
    const { fetch, close } = attestedFetch(
      server.url,
      async () => {
        judged++;
        if (judged === 2) throw new RefusedError('test.second', 'another server');
      },
      LIMIT,
    );
    await (await fetch(server.url, call(1))).text();
    const before = server.otherBytes();
    const [socket] = server.sockets;
    const closed = new Promise((resolve) => socket?.once('close', resolve));
    socket?.destroy();
    await closed;
    // Requests may still fail on the dead connection; the refused one and those reach nobody.
    const outcome = await retry(
      () => fetch(server.url, call(2)),
      (error) => error instanceof RefusedError,
    );
    expect(outcome).toMatchObject({ check: 'test.second' });
    expect(server.otherBytes()).toBe(before);
    expect(judged).toBe(2);
    expect(before).toBeGreaterThan(0);
    await close();
  });

  promise('P2', 'sends nothing when the judge refuses, and gives its error', async () => {
    await using server = await startTestServer({ attest });
    const judge = async (): Promise<never> => {
      throw new RefusedError('test.no', 'no');
    };
    const { fetch, close } = attestedFetch(server.url, judge, LIMIT);
    await expect(fetch(server.url, call(1))).rejects.toMatchObject({ check: 'test.no' });
    expect(server.otherBytes()).toBe(0);
    await close();
  });

  promise('P2', 'prepares a judged connection that the first request uses', async () => {
    await using server = await startTestServer({ attest, serve: (_, response) => response.end('{}') });
    const { fetch, prepare, close } = attestedFetch(server.url, accept, LIMIT);
    await prepare();
    expect([server.attested(), server.otherBytes()]).toEqual([1, 0]);
    await (await fetch(server.url, call(1))).text();
    expect(server.attested()).toBe(1);
    await close();
  });

  promise('P2', 'drops a prepared connection on which the server speaks unasked', async () => {
    await using server = await startTestServer({ attest, serve: (_, response) => response.end('{}') });
    const { fetch, prepare, close } = attestedFetch(server.url, accept, LIMIT);
    await prepare();
    const [socket] = server.sockets;
    const closed = new Promise((resolve) => socket?.once('close', resolve));
    socket?.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    await closed;
    expect(await (await fetch(server.url, call(1))).text()).toBe('{}');
    expect(server.attested()).toBe(2);
    await close();
  });

  promise('P2', 'goes to no other origin', async () => {
    await using server = await startTestServer({ attest });
    const { fetch, close } = attestedFetch(server.url, accept, LIMIT);
    for (const other of [
      'https://example.invalid/mcp',
      server.url.replace('https', 'http'),
      'http://169.254.169.254/',
    ]) {
      await expect(fetch(other, call(1))).rejects.toMatchObject({ check: 'channel.origin' });
    }
    expect(server.attested()).toBe(0);
    await close();
  });

  for (const status of [301, 302, 303, 307, 308]) {
    promise('P2', `follows no redirect ${status}, not even to the same origin`, async () => {
      let requests = 0;
      await using server = await startTestServer({
        attest,
        serve: (_, response) => {
          requests++;
          response.writeHead(status, { location: '/elsewhere' }).end();
        },
      });
      const { fetch, close } = attestedFetch(server.url, accept, LIMIT);
      await expect(fetch(server.url, call(1))).rejects.toMatchObject({ check: 'channel.redirect' });
      expect(requests).toBe(1);
      await close();
    });
  }

  promise('P2', 'refuses plain HTTP before anything is opened', () => {
    expect(() => attestedFetch('http://127.0.0.1:1/mcp', accept, LIMIT)).toThrow(
      expect.objectContaining({ code: 'url.scheme' }),
    );
  });

  promise('P8', 'keeps six connections and lets short messages through while long requests wait', async () => {
    const waiting: (() => void)[] = [];
    let released = false;
    let enough: () => void = () => {};
    const four = new Promise<void>((resolve) => {
      enough = resolve;
    });
    await using server = await startTestServer({
      attest,
      serve: (request, response, body) => {
        if (request.method === 'GET') response.writeHead(200, { 'content-type': 'text/event-stream' }).write(':\n\n');
        else if (body.includes('"id"')) {
          if (released) return void response.end('{}');
          waiting.push(() => response.end('{}'));
          if (waiting.length >= 4) enough();
        } else response.writeHead(202).end();
      },
    });
    const { fetch, close } = attestedFetch(server.url, accept, LIMIT);
    await fetch(server.url, { method: 'GET' });
    const calls = [1, 2, 3, 4, 5, 6].map((id) => fetch(server.url, call(id)));
    await four;
    const notification = await fetch(server.url, { method: 'POST', body: '{"jsonrpc":"2.0","method":"n"}' });
    expect(notification.status).toBe(202);
    expect(server.sockets.size).toBe(6);
    const finished = Promise.all(calls.map(async (one) => (await one).text()));
    released = true;
    for (const release of waiting) release();
    expect(await finished).toHaveLength(6);
    await close();
  });
});

test('the lane of a message', () => {
  const lane = (message: unknown): string => laneOf('POST', JSON.stringify(message));
  expect(laneOf('GET', undefined)).toBe('listen');
  expect(laneOf('DELETE', undefined)).toBe('short');
  expect(laneOf('POST', '{')).toBe('request');
  expect(lane({ id: 1, method: 'tools/call' })).toBe('request');
  expect(lane({ id: 1, method: 'subscriptions/listen' })).toBe('listen');
  expect(lane({ method: 'notifications/progress' })).toBe('short');
  expect(lane({ id: 1, result: {} })).toBe('short');
  expect(lane([{ id: 1, method: 'x' }])).toBe('request');
});
