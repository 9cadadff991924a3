/**
 * The requests that the guide to policies speaks of, by its section and its words for them.
 *
 * @module
 */
import { toBase64Url } from '@vitrine/documents';
import { encodeFunctionData, maxUint256, parseAbi, serializeTransaction } from 'viem';
import {
  memo,
  message,
  PAYEE,
  PAYER,
  person,
  systemTransfer,
  tokenTransfer,
  unitLimit,
  unitPrice,
} from '../../packages/keys/src/solana/testing/messages.ts';

export interface Asked {
  /** `{ method, params }`. */
  readonly request: unknown;
  readonly principal?: string;
  readonly tools?: readonly string[];
  readonly at?: Date;
}

type Hex = `0x${string}`;

const ETHER = 10n ** 18n;
const SHOP: Hex = `0x${'a'.repeat(40)}`;
const BOB: Hex = `0x${'b'.repeat(40)}`;
const TOKEN: Hex = `0x${'1'.repeat(40)}`;
const VAULT: Hex = `0x${'3'.repeat(40)}`;
const DEAD: Hex = '0x000000000000000000000000000000000000dead';
const ABI = parseAbi([
  'function transfer(address,uint256)',
  'function transferFrom(address,address,uint256)',
  'function approve(address,uint256)',
  'function deposit(uint256,address)',
]);

interface Sent {
  readonly to?: Hex;
  readonly value?: bigint;
  readonly data?: Hex;
  readonly chainId?: number;
  readonly price?: bigint;
}
function transaction({ to = SHOP, value = 0n, data = '0x', chainId = 31_337, price = 10n ** 9n }: Sent): Asked {
  const serialized = serializeTransaction({
    chainId,
    nonce: 0,
    gas: 21_000n,
    maxFeePerGas: price,
    maxPriorityFeePerGas: 1n,
    to,
    value,
    data,
  });
  return asked('evm.signTransaction', { transaction: serialized });
}
const transfer = encodeFunctionData({ abi: ABI, functionName: 'transfer', args: [SHOP, 25_000_000n] });
const transferFrom = encodeFunctionData({ abi: ABI, functionName: 'transferFrom', args: [BOB, SHOP, 25_000_000n] });
const approve = encodeFunctionData({ abi: ABI, functionName: 'approve', args: [VAULT, maxUint256] });
const deposit = (amount: bigint): Hex =>
  encodeFunctionData({ abi: ABI, functionName: 'deposit', args: [amount, SHOP] });

function asked(method: string, params: Readonly<Record<string, unknown>>, who: Omit<Asked, 'request'> = {}): Asked {
  return { request: { method, params: { key: 'hot', ...params } }, ...who };
}
const text = (value: string, who: Omit<Asked, 'request'> = {}): Asked =>
  asked('evm.signMessage', { message: `0x${Buffer.from(value).toString('hex')}` }, who);
const bytes = (method: string, context: string, member = 'message'): Asked =>
  asked(method, { context, [member]: toBase64Url(new Uint8Array(4)) });

const member = (type: string, name: string): { readonly type: string; readonly name: string } => ({ type, name });
const PERMIT = ['owner', 'spender', 'value', 'nonce', 'deadline'].map((name, index) =>
  member(index < 2 ? 'address' : 'uint256', name),
);
const DOMAIN = [member('string', 'name'), member('uint256', 'chainId'), member('address', 'verifyingContract')];
function typed(
  primaryType: string,
  type: readonly object[],
  verifyingContract: string,
  content: Readonly<Record<string, unknown>>,
): Asked {
  const domain = { name: 'Shop', chainId: 31_337, verifyingContract };
  const types = { EIP712Domain: DOMAIN, [primaryType]: type };
  return asked('evm.signTypedData', { typedData: { types, primaryType, domain, message: content } });
}
const permit = (value: bigint, spender: string = VAULT): Asked =>
  typed('Permit', PERMIT, TOKEN, { owner: BOB, spender, value: String(value), nonce: '0', deadline: '2000000000' });

const solana = (...instructions: Parameters<typeof message>[0]): Asked =>
  asked('solana.signMessage', { message: toBase64Url(message(instructions)) });
const pay = (lamports: bigint): ReturnType<typeof systemTransfer> => systemTransfer(PAYER, PAYEE, lamports);

/** 2026-11-18T12:00:00Z, the time of the guide. */
const NOW = 1_795_003_200;
const API = 'https://api.example.com';
const token = (claims: Readonly<Record<string, unknown>>, type = 'JWT'): Asked =>
  asked('jws.sign', { type, claims: { aud: API, exp: NOW + 300, ...claims } });

const signIn = (host: string): string =>
  `${host} wants you to sign in with your Ethereum account:\n${SHOP}\n\nURI: https://${host}\nNonce: 12345678`;

function of(section: string, requests: Readonly<Record<string, Asked>>): Readonly<Record<string, Asked>> {
  return Object.fromEntries(Object.entries(requests).map(([name, one]) => [`${section}: ${name}`, one]));
}

/** By `section: words`. */
export const ASKED: Readonly<Record<string, Asked>> = {
  ...of('evm.transaction', {
    '0.05 ETH to the shop': transaction({ value: ETHER / 20n }),
    '0.5 ETH to the shop': transaction({ value: ETHER / 2n }),
    '0.05 ETH to the shop on chain 5': transaction({ value: ETHER / 20n, chainId: 5 }),
    '0.05 ETH to the shop, fee up to 0.021 ETH': transaction({ value: ETHER / 20n, price: 10n ** 12n }),
    '25 tokens to the shop': transaction({ to: TOKEN, data: transfer }),
    '25 tokens to the shop by `transferFrom`': transaction({ to: TOKEN, data: transferFrom }),
    "1 wei and 25 tokens' `transfer` in one transaction": transaction({ to: TOKEN, value: 1n, data: transfer }),
    'an allowance of 2^256 - 1 for the vault': transaction({ to: TOKEN, data: approve }),
    '`deposit` of 7 for the shop': transaction({ to: VAULT, data: deposit(7n) }),
    '`deposit` of 1001 for the shop': transaction({ to: VAULT, data: deposit(1001n) }),
    '`deposit` with 32 bytes after its arguments': transaction({ to: VAULT, data: `${deposit(7n)}${'00'.repeat(32)}` }),
    '1 wei to 0x…dead': transaction({ to: DEAD, value: 1n }),
  }),
  ...of('evm.message', {
    'a sign-in to shop.example': text(signIn('shop.example')),
    'a sign-in to shop.example.evil.example': text(signIn('shop.example.evil.example')),
    'the text "I agree to everything"': text('I agree to everything'),
    '32 bytes': text('x'.repeat(32)),
  }),
  ...of('evm.typed-data', {
    'a permit of 25 tokens for the vault': permit(25_000_000n),
    'a permit of 2^256 - 1 for the vault': permit(maxUint256),
    'a permit of 25 tokens for somebody else': permit(25_000_000n, BOB),
    'a mail': typed('Mail', [member('string', 'text')], VAULT, { text: 'Hello' }),
    'an order': typed('Order', [member('uint256', 'price')], VAULT, { price: '1' }),
  }),
  ...of('solana.message', {
    '1 SOL to the shop': solana(pay(1_000_000_000n)),
    'twice 0.6 SOL to the shop in one message': solana(pay(600_000_000n), pay(600_000_000n)),
    '25 tokens, and 0.1 SOL to the shop': solana(
      tokenTransfer(25_000_000n),
      pay(100_000_000n),
      memo(Buffer.from('thanks')),
    ),
    '0.1 SOL to the shop, priority fee 1 SOL': solana(
      unitLimit(1_000_000n),
      unitPrice(1_000_000_000n),
      pay(100_000_000n),
    ),
    '0.1 SOL to the shop with a durable nonce': solana(
      {
        ...pay(0n),
        accounts: [...(pay(0n).accounts ?? []), ...(systemTransfer(PAYER, person(7), 0n).accounts ?? []).slice(1)],
        data: Uint8Array.of(4, 0, 0, 0),
      },
      pay(100_000_000n),
    ),
  }),
  ...of('jws', {
    'a token for the API, for 5 minutes': token({}),
    'a token for the API, for 6 minutes': token({ exp: NOW + 360 }),
    'a token for the API and somebody else': token({ aud: [API, 'https://else.example'] }),
    'a token for the API and billing': token({ aud: [API, 'https://billing.example.com'] }),
    'a token of type `at+jwt`': token({}, 'at+jwt'),
    'a token without `exp`': asked('jws.sign', { type: 'JWT', claims: { aud: API } }),
  }),
  ...of('sign', {
    'a signature under shop/receipt/v1': bytes('sign', 'shop/receipt/v1'),
    'a signature under shop/refund/v1': bytes('sign', 'shop/refund/v1'),
  }),
  ...of('encrypt and decrypt', {
    'encryption under shop/notes/v1': bytes('encrypt', 'shop/notes/v1', 'plaintext'),
    'decryption under shop/notes/v1': bytes('decrypt', 'shop/notes/v1', 'ciphertext'),
  }),
  ...of('mac', {
    'a MAC under shop/cookie/v1': bytes('mac', 'shop/cookie/v1'),
    'a MAC under shop/invoice/v1': bytes('mac', 'shop/invoice/v1'),
  }),
  ...of('Who and when', {
    'the text "Hello"': text('Hello'),
    'the text "Hello", by bob': text('Hello', { principal: 'bob' }),
    'the text "Hello", by mallory': text('Hello', { principal: 'mallory' }),
    'the text "Hello", while no tool runs': text('Hello', { tools: [] }),
    'the text "Hello", at 17:30': text('Hello', { at: new Date('2026-11-18T17:30:00Z') }),
  }),
  ...of('Confirmation', {
    '0.1 ETH to the shop': transaction({ value: ETHER / 10n }),
    '0.1 ETH and 1 wei to the shop': transaction({ value: ETHER / 10n + 1n }),
    '1 ETH and 1 wei to the shop': transaction({ value: ETHER + 1n }),
  }),
};
