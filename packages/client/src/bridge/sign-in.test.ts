/** What the bridge does when the server is the right one and the user is not signed in. */
import { PassThrough } from 'node:stream';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { RefusedError } from '../errors.ts';
import { runBridge } from './bridge.ts';
import { SIGN_IN_CODE } from './rpc-error.ts';

const ADDRESS = `https://login.example.com/authorize?state=${'x'.repeat(1500)}`;

promise('P2', 'a missing sign-in is told with the whole address, and the next request is tried again', async () => {
  let asked = 0;
  const input = new PassThrough();
  const output = new PassThrough();
  const errors = new PassThrough();
  const code = runBridge({
    url: 'https://bank.example/mcp',
    open: async () => ({
      prepare: async () => undefined,
      close: async () => undefined,
      fetch: async () => {
        asked += 1;
        if (asked === 1) throw new RefusedError('sign-in.needed', `open ${ADDRESS}`);
        return Response.json({ jsonrpc: '2.0', id: 2, result: {} });
      },
    }),
    input,
    output,
    errorOutput: errors,
  });
  const lines = output.setEncoding('utf8')[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => JSON.parse(String((await lines.next()).value));
  input.write('{"jsonrpc":"2.0","id":1,"method":"ping"}\n');
  expect(await next()).toEqual({
    jsonrpc: '2.0',
    id: 1,
    error: { code: SIGN_IN_CODE, message: `open ${ADDRESS}`, data: { check: 'sign-in.needed' } },
  });
  input.write('{"jsonrpc":"2.0","id":2,"method":"ping"}\n');
  expect(await next()).toMatchObject({ id: 2, result: {} });
  input.end();
  expect(await code).toBe(0);
  expect(String(errors.read())).toMatch(/^vitrine: not signed in: sign-in\.needed/);
});
