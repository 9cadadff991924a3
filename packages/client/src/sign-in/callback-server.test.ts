import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type CallbackServer, startCallbackServer } from './callback-server.ts';

const STATE = 'the-state';
const limit = (): AbortSignal => AbortSignal.timeout(10_000);

/** Status and headers of one request to the listener, or the error code. */
function ask(
  server: CallbackServer,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<{ readonly status: number | string | undefined; readonly headers: unknown; readonly body: string }> {
  const { hostname, port } = new URL(server.redirectUri);
  return new Promise((resolve) => {
    const sent = request({ hostname, port, path, method, headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
    });
    sent.on('error', (error: NodeJS.ErrnoException) => resolve({ status: error.code, headers: {}, body: '' }));
    sent.end();
  });
}

describe('the listener for the answer', () => {
  promise('P2', 'listens on this machine only, takes one answer, and is gone', async () => {
    const server = await startCallbackServer(undefined);
    expect(server.redirectUri).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback$/);
    const answer = server.answer(STATE, limit());
    const shown = await ask(server, `/callback?code=c&state=${STATE}&iss=https%3A%2F%2Fauth.example`);
    expect(shown).toMatchObject({
      status: 200,
      headers: { 'content-security-policy': "default-src 'none'; frame-ancestors 'none'", 'cache-control': 'no-store' },
    });
    expect(shown.body).not.toContain('auth.example');
    expect(await answer).toEqual({ code: 'c', error: undefined, description: undefined, iss: 'https://auth.example' });
    expect((await ask(server, `/callback?code=d&state=${STATE}`)).status).toBe('ECONNREFUSED');
  });

  test.each([
    ['another path', `/callback/x?code=c&state=${STATE}`, {}, 'GET', 404],
    ['a longer path', `/callbackx?code=c&state=${STATE}`, {}, 'GET', 404],
    ['a name for this machine', `/callback?code=c&state=${STATE}`, { host: 'evil.example' }, 'GET', 403],
    ['a script', `/callback?code=c&state=${STATE}`, { origin: 'https://evil.example' }, 'GET', 403],
    ['an image', `/callback?code=c&state=${STATE}`, { 'sec-fetch-mode': 'no-cors' }, 'GET', 403],
    ['a form', `/callback?code=c&state=${STATE}`, {}, 'POST', 405],
    ['a long address', `/callback?state=${STATE}&code=${'c'.repeat(9_000)}`, {}, 'GET', 404],
  ] as const)('P2 turns %s away and goes on waiting', async (_what, path, headers, method, status) => {
    const server = await startCallbackServer(undefined);
    const answer = server.answer(STATE, limit());
    expect((await ask(server, path, headers, method)).status).toBe(status);
    await ask(server, `/callback?code=right&state=${STATE}`, { 'sec-fetch-mode': 'navigate' });
    expect((await answer).code).toBe('right');
  });

  test.each([
    ['another state', '/callback?code=c&state=the-statf', 'sign-in.state'],
    ['a shorter state', '/callback?code=c&state=the-stat', 'sign-in.state'],
    ['no state', '/callback?code=c', 'sign-in.state'],
    ['two codes', `/callback?code=c&code=d&state=${STATE}`, 'sign-in.callback'],
    ['neither code nor error', `/callback?state=${STATE}`, 'sign-in.callback'],
    ['a code and an error', `/callback?code=c&error=e&state=${STATE}`, 'sign-in.callback'],
  ])('P2 ends with %s', async (_what, path, code) => {
    const server = await startCallbackServer(undefined);
    const answer = server.answer(STATE, limit()).catch((error: unknown) => error);
    expect((await ask(server, path)).status).toBe(400);
    expect(await answer).toMatchObject({ code });
  });

  promise('P2', 'answers nothing before it waits, and nothing after its time', async () => {
    const server = await startCallbackServer(undefined);
    expect((await ask(server, `/callback?code=c&state=${STATE}`)).status).toBe(404);
    await expect(server.answer(STATE, AbortSignal.abort(new Error('over')))).rejects.toThrow('over');
    expect((await ask(server, '/callback')).status).toBe('ECONNREFUSED');
  });

  promise('P8', 'does not wait for others who have connected and say nothing', async () => {
    const server = await startCallbackServer(undefined);
    const silent = connect(Number(new URL(server.redirectUri).port), '127.0.0.1');
    await once(silent, 'connect');
    silent.on('error', () => {}).write('GET /callback HTTP/1.1\r\n');
    const closed = new Promise((resolve) => silent.once('close', resolve));
    const answer = server.answer(STATE, limit());
    await ask(server, `/callback?code=c&state=${STATE}`);
    await answer;
    await closed;
  });

  promise('P8', 'takes the port of an earlier registration if it is free, and insists on a fixed one', async () => {
    const first = await startCallbackServer(undefined);
    const port = Number(new URL(first.redirectUri).port);
    await expect(startCallbackServer(port)).rejects.toMatchObject({ code: 'sign-in.port' });
    const other = await startCallbackServer(undefined, port);
    expect(other.redirectUri).not.toBe(first.redirectUri);
    other.close();
    first.close();
  });
});
