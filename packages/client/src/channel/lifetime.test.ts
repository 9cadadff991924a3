import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, vi } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { hollowBundle } from '../testing/evidence.ts';
import { reply, startTestServer } from '../testing/tls-server.ts';
import { attestedFetch } from './attested-fetch.ts';

const LIFETIME_MS = 60 * 60_000;
const bundle = await hollowBundle();
const attest = async (): Promise<Buffer> => reply(bundle);
const accept = async (): Promise<void> => {};
const post = (id: number, method = 'tools/call'): RequestInit => ({
  method: 'POST',
  body: JSON.stringify({ jsonrpc: '2.0', id, method }),
});

afterEach(() => void vi.useRealTimers());

describe('the lifetime of an attested connection', () => {
  promise('P2', 'ends it when idle, so that the next request is attested again', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await using server = await startTestServer({ attest, serve: (_, response) => response.end('{}') });
    const { fetch, close } = attestedFetch(server.url, accept, { timeLimitMs: 10_000 });
    await (await fetch(server.url, post(1))).text();
    await (await fetch(server.url, post(2))).text();
    expect(server.attested()).toBe(1);
    vi.advanceTimersByTime(LIFETIME_MS);
    await (await fetch(server.url, post(3))).text();
    expect(server.attested()).toBe(2);
    await close();
  });

  promise('P8', 'cuts no call: it ends, and the next one is attested again', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { promise: begun, resolve } = Promise.withResolvers<ServerResponse>();
    await using server = await startTestServer({
      attest,
      serve: (_, response, body) => {
        if (!body.includes('"id":1')) return void response.end('{}');
        response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
        resolve(response);
      },
    });
    const { fetch, close } = attestedFetch(server.url, accept, { timeLimitMs: 10_000 });
    const long = await fetch(server.url, post(1));
    const answering = await begun;
    vi.advanceTimersByTime(3 * LIFETIME_MS);
    answering.end('data: late\n\n');
    expect(await long.text()).toBe('data: late\n\n');
    await (await fetch(server.url, post(2))).text();
    expect(server.attested()).toBe(2);
    await close();
  });

  promise('P2', 'ends a stream that only listens, which is opened again by whoever listens', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await using server = await startTestServer({
      attest,
      serve: (_, response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders(),
    });
    const { fetch, close } = attestedFetch(server.url, accept, { timeLimitMs: 10_000 });
    const stream = await fetch(server.url);
    vi.advanceTimersByTime(LIFETIME_MS);
    await expect(stream.text()).rejects.toMatchObject({ code: 'channel.broken', progress: 'partial' });
    await close();
  });
});

describe('the lanes of a client', () => {
  promise(
    'P8',
    'keep listening from taking the place of calls, and a short message goes through beside them',
    async () => {
      const held: ServerResponse[] = [];
      const { promise: full, resolve } = Promise.withResolvers<void>();
      await using server = await startTestServer({
        attest,
        serve: (request, response, body) => {
          if (request.method === 'POST' && !body.includes('"id"')) return void response.writeHead(202).end();
          held.push(response);
          response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
          if (held.length === 5) resolve();
        },
      });
      const { fetch, close } = attestedFetch(server.url, accept, { timeLimitMs: 10_000 });
      const gone = new AbortController();
      const { signal } = gone;
      // One has its own place, two may borrow, and the last one waits.
      const listening = [1, 2, 3, 4].map((id) => fetch(server.url, { ...post(id, 'subscriptions/listen'), signal }));
      await Promise.all(listening.slice(0, 3));
      const calls = [5, 6, 7].map((id) => fetch(server.url, { ...post(id), signal }));
      await full;
      const note = { method: 'POST', body: '{"jsonrpc":"2.0","method":"notifications/cancelled"}' };
      expect((await fetch(server.url, note)).status).toBe(202);
      expect([held.length, server.attested()]).toEqual([5, 6]);
      gone.abort(new Error('enough'));
      await Promise.allSettled([...listening, ...calls]);
      await expect(listening[3]).rejects.toThrow('enough');
      await close();
    },
  );
});
