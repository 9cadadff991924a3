/**
 * The wallet of the examples against a real EVM node: it pays, asks, refuses, and never has its key.
 *
 * @module
 */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { attestedTransport } from '@vitrine/client';
import { createPublicClient, createTestClient, type Hex, http, parseEther, recoverTypedDataAddress } from 'viem';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildWallet } from '../../examples/wallet/build.ts';
import { promise } from '../promises.ts';
import { type Running, type Workplace, workplace } from '../support/cli.ts';
import { type EvmNode, startEvmNode } from '../support/evm-node.ts';

const EXAMPLE = fileURLToPath(new URL('../../examples/wallet', import.meta.url));
const FRIEND = `0x${'11'.repeat(20)}` as const;
const BURN = '0x000000000000000000000000000000000000dEaD';

let node: EvmNode;
let user: Workplace;
let wallet: Running;
let client: Client;
let questions: string[];
let answer: 'accept' | 'decline';
let address: Hex;

const configuration = (): string => join(user.directory, 'vitrine.yaml');

async function call(name: string, args: Record<string, unknown> = {}): Promise<{ text: string; isError: boolean }> {
  const { content, isError = false } = await client.callTool({ name, arguments: args });
  const [first] = content as readonly { readonly text: string }[];
  return { text: first?.text ?? '', isError: isError === true };
}

const balanceOf = (who: Hex): Promise<bigint> =>
  createPublicClient({ transport: http(node.url) }).getBalance({ address: who });

beforeAll(async () => {
  node = await startEvmNode();
  user = workplace();
  await buildWallet(join(user.directory, 'dist'));
  await cp(join(EXAMPLE, 'vitrine.yaml'), configuration());
  const text = await readFile(configuration(), 'utf8');
  await writeFile(configuration(), text.replace('http://127.0.0.1:8545', node.url));
  // A node of this machine is a private address, which no sandbox lets a server reach.
  wallet = await user.start(['--config', configuration(), '--sandbox', 'none', '--genesis']);
  questions = [];
  client = new Client({ name: 'person', version: '1.0.0' }, { capabilities: { elicitation: { form: {} } } });
  client.setRequestHandler('elicitation/create', ({ params }) => {
    questions.push(params.message);
    return answer === 'accept' ? { action: 'accept', content: { confirm: true } } : { action: 'decline' };
  });
  await client.connect(
    attestedTransport(wallet.ready.url, {
      policy: 'default',
      referenceValues: JSON.parse(await readFile(wallet.ready.referenceValues, 'utf8')),
      simulatorRootPem: await readFile(join(user.home, 'simulator', 'root.pem'), 'utf8'),
    }),
  );
  address = /0x[0-9a-fA-F]{40}/.exec((await call('balance')).text)?.[0] as Hex;
  await createTestClient({ mode: 'hardhat', transport: http(node.url) }).setBalance({
    address,
    value: parseEther('10'),
  });
});
afterAll(async () => {
  await client?.close();
  await user?.dispose();
  await node?.stop();
});

describe('the wallet', () => {
  test('shows its address and balance', async () => {
    expect((await call('balance')).text).toBe(`${address} has 10 ETH`);
  });

  promise('P4', 'a small payment is signed without a question, and arrives', async () => {
    const { text } = await call('send', { to: FRIEND, ether: '0.05' });
    expect(text).toMatch(/^sent 0\.05 ETH/);
    expect(await balanceOf(FRIEND)).toBe(parseEther('0.05'));
    expect(questions).toEqual([]);
  });

  promise('P4', 'a large payment asks the user, and is signed when they accept', async () => {
    answer = 'accept';
    expect((await call('send', { to: FRIEND, ether: '0.5' })).text).toMatch(/^sent 0\.5 ETH/);
    expect(questions).toHaveLength(1);
    expect(questions[0]).toMatch(/500000000000000000/);
    expect(questions[0]).toMatch(new RegExp(FRIEND, 'i'));
  });

  promise('P4', 'what the user declines is not signed', async () => {
    answer = 'decline';
    const before = await balanceOf(FRIEND);
    const { text, isError } = await call('send', { to: FRIEND, ether: '0.6' });
    expect([isError, text]).toEqual([true, expect.stringMatching(/not signed: .*large-payment/)]);
    expect(await balanceOf(FRIEND)).toBe(before);
  });

  promise('P4', 'limits hold: too much at once, an address that is denied, and the day’s sum', async () => {
    answer = 'accept';
    expect((await call('send', { to: FRIEND, ether: '1.5' })).text).toMatch(/not signed: .*large-payment/);
    expect((await call('send', { to: BURN, ether: '0.01' })).text).toMatch(/not signed: .*never-burn/);
    expect((await call('send', { to: FRIEND, ether: '1' })).text).toMatch(/^sent 1 ETH/);
    expect((await call('send', { to: FRIEND, ether: '0.5' })).text).toMatch(/not signed: .*daily/);
  });

  promise('P4', 'typed data of a listed kind is signed by the same key, any other is not', async () => {
    const typedData = {
      types: { Mail: [{ name: 'text', type: 'string' }] },
      domain: { chainId: 31337, verifyingContract: `0x${'cc'.repeat(20)}` },
      primaryType: 'Mail',
      message: { text: 'hello' },
    } as const;
    const { text } = await call('sign_typed_data', { typedData: JSON.stringify(typedData) });
    expect(await recoverTypedDataAddress({ ...typedData, signature: text as Hex })).toBe(address);
    const other = JSON.stringify({ ...typedData, types: { Order: typedData.types.Mail }, primaryType: 'Order' });
    expect((await call('sign_typed_data', { typedData: other })).text).toMatch(/not signed/);
  });

  promise('P4', 'everybody can see the key, its policy and its root, and nobody the key itself', async () => {
    const trust = ['--allow-simulator', '--reference', wallet.ready.referenceValues];
    const { code, stdout } = await user.run(['keys', 'ls', wallet.ready.url, ...trust]);
    expect(code).toBe(0);
    expect(stdout).toContain(address);
    expect(stdout).toMatch(/large-payment: allow evm\.transaction/);
    expect(stdout).toMatch(/who else can derive it: .*state directory/);
  });

  promise('P4', 'after a restart the address is the same, and the running window counts as spent', async () => {
    await client.close();
    await wallet.stop();
    wallet = await user.start(['--config', configuration(), '--sandbox', 'none']);
    const again = new Client({ name: 'person', version: '1.0.0' });
    await again.connect(
      attestedTransport(wallet.ready.url, {
        policy: 'default',
        referenceValues: JSON.parse(await readFile(wallet.ready.referenceValues, 'utf8')),
        simulatorRootPem: await readFile(join(user.home, 'simulator', 'root.pem'), 'utf8'),
      }),
    );
    client = again;
    expect((await call('balance')).text).toContain(address);
    expect((await call('send', { to: FRIEND, ether: '0.01' })).text).toMatch(/not signed: .*(?:daily|pace)/);
  });
});
