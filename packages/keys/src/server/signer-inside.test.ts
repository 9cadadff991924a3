import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { createWalletClient, custom, type Hex, http, parseTransaction } from 'viem';
import { afterEach, describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type Answer, type AskedLine, answering } from '../testing/answering.ts';

const ADDRESS = '0x52908400098527886E0F7030069857D2E4169EE7';
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

interface Signer {
  readonly url: string;
  readonly asked: readonly AskedLine[];
  call(method: string, params: readonly unknown[]): Promise<{ readonly result?: unknown; readonly error?: unknown }>;
}

async function signer(answers: Readonly<Record<string, ReturnType<Answer>>>): Promise<Signer> {
  const port = await freePort();
  const task = JSON.stringify({ port, key: 'hot', descriptor: 3 });
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'signer-inside.ts'), task], {
    env: {},
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
  });
  undo.push(async () => {
    child.kill('SIGKILL');
    await once(child, 'close');
  });
  const listed = { result: [{ name: 'hot', algorithm: 'secp256k1', version: 1, address: ADDRESS }] };
  const asked = answering(child.stdio[3] as Duplex, ({ method }) =>
    method === 'keys.list' ? listed : answers[method],
  );
  await once(child.stdout ?? child, 'data');
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    asked,
    async call(method, params) {
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
      return (await (await fetch(url, { method: 'POST', body })).json()) as { result?: unknown; error?: unknown };
    },
  };
}

const transaction = { from: ADDRESS, to: ADDRESS, nonce: '0x0', gas: '0x5208', gasPrice: '0x1', chainId: '0x7a69' };

describe('the JSON-RPC signer', () => {
  promise('P4', 'an unmodified program signs by Ethereum methods, with a key that it never has', async () => {
    const { call, asked } = await signer({
      'evm.signTransaction': { result: { transaction: '0x02aa', hash: '0x00' } },
      'evm.signMessage': { result: { signature: '0xbb' } },
      'evm.signTypedData': { result: { signature: '0xcc' } },
    });
    expect((await call('eth_accounts', [])).result).toEqual([ADDRESS]);
    expect((await call('eth_signTransaction', [transaction])).result).toBe('0x02aa');
    expect((await call('personal_sign', ['hello', ADDRESS])).result).toBe('0xbb');
    expect((await call('eth_signTypedData_v4', [ADDRESS, '{"types":{}}'])).result).toBe('0xcc');
    const sent = asked.filter(({ method }) => method !== 'keys.list').map(({ params }) => params);
    expect(sent[1]).toEqual({ key: 'hot', message: '0x68656c6c6f' });
    expect(sent[2]).toEqual({ key: 'hot', typedData: { types: {} } });
    const { transaction: unsigned } = sent[0] as { readonly transaction: Hex };
    expect(parseTransaction(unsigned)).toMatchObject({ chainId: 31337, gas: 21000n, to: ADDRESS.toLowerCase() });
  });

  test('viem signs through it as through any node that holds accounts', async () => {
    const { url } = await signer({ 'evm.signMessage': { result: { signature: '0xbb' } } });
    const wallet = createWalletClient({ transport: http(url), account: ADDRESS });
    expect(await wallet.signMessage({ message: 'hello' })).toBe('0xbb');
    expect(await createWalletClient({ transport: custom(wallet) }).getAddresses()).toEqual([ADDRESS]);
  });

  test.each([
    ['a hash', 'eth_sign', [ADDRESS, `0x${'00'.repeat(32)}`], -32601],
    ['sending', 'eth_sendTransaction', [transaction], -32601],
    ['anything else', 'eth_getBalance', [ADDRESS], -32601],
    ['another account', 'personal_sign', ['0x00', `0x${'11'.repeat(20)}`], -32602],
    ['no transaction', 'eth_signTransaction', [], -32602],
    ['a blob transaction', 'eth_signTransaction', [{ ...transaction, type: '0x3' }], -32602],
    ['typed data that is not JSON', 'eth_signTypedData_v4', [ADDRESS, '{'], -32700],
  ])('%s is refused before the key service hears of it', async (_what, method, params, code) => {
    const { call, asked } = await signer({});
    expect((await call(method, params)).error).toMatchObject({ code });
    expect(asked.filter((one) => one.method !== 'keys.list')).toEqual([]);
  });

  test('a refusal of the policy names its rule', async () => {
    const { call } = await signer({
      'evm.signTransaction': {
        error: { code: -32051, message: 'too much', data: { code: 'policy.denied', rule: 'daily' } },
      },
    });
    expect((await call('eth_signTransaction', [transaction])).error).toEqual({
      code: 4001,
      message: 'too much',
      data: { code: 'policy.denied', rule: 'daily' },
    });
  });

  test('what is no JSON-RPC call gets an answer', async () => {
    const { url } = await signer({});
    const post = async (body: string): Promise<unknown> => (await fetch(url, { method: 'POST', body })).json();
    expect(await post('nonsense')).toMatchObject({ id: null, error: { code: -32700 } });
    expect(await post('[]')).toMatchObject({ error: { code: -32600 } });
    expect(await post('{"method":1}')).toMatchObject({ error: { code: -32600 } });
    expect((await fetch(url)).status).toBe(405);
    expect((await fetch(url, { method: 'POST', body: 'x'.repeat((1 << 20) + 1) })).status).toBe(413);
  });
});
