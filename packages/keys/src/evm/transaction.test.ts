import { secp256k1 } from '@noble/curves/secp256k1.js';
import { toHex } from '@vitrine/documents';
import fc from 'fast-check';
import {
  type Hex,
  keccak256,
  parseTransaction,
  recoverTransactionAddress,
  serializeTransaction,
  type TransactionSerializable,
  toRlp,
} from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { refusalOf } from './testing/refusals.ts';
import { decodeTransaction, type EvmSignature, MAX_TRANSACTION_BYTES } from './transaction.ts';

type Item = Hex | Item[];

const PRIVATE_KEY = new Uint8Array(32).fill(0x4c);
const TO: Hex = `0x${'ab'.repeat(20)}`;
const KEY: Hex = `0x${'cd'.repeat(32)}`;
const number = (value: bigint | number): Hex => {
  const digits = value.toString(16);
  return value === 0n || value === 0 ? '0x' : `0x${digits.length % 2 === 0 ? digits : `0${digits}`}`;
};

/** The members of each form by name; a test changes one of them. */
const LEGACY = {
  nonce: '0x01',
  gasPrice: '0x02',
  gas: '0x5208',
  to: TO,
  value: '0x07',
  data: '0x',
  chainId: '0x05',
  r: '0x',
  s: '0x',
} as const;
const TYPE1 = {
  chainId: '0x05',
  nonce: '0x01',
  gasPrice: '0x02',
  gas: '0x5208',
  to: TO,
  value: '0x07',
  data: '0x',
  accessList: [],
} as const;
const TYPE2 = {
  chainId: '0x05',
  nonce: '0x01',
  tip: '0x01',
  fee: '0x02',
  gas: '0x5208',
  to: TO,
  value: '0x07',
  data: '0x',
  accessList: [],
} as const;
type Changes = Readonly<Record<string, Item>>;

const encode = (prefix: string, members: object): Hex =>
  `0x${prefix}${toRlp(Object.values(members) as Hex[]).slice(2)}`;
const legacy = (changes: Changes = {}): Hex => encode('', { ...LEGACY, ...changes });
const type1 = (changes: Changes = {}): Hex => encode('01', { ...TYPE1, ...changes });
const type2 = (changes: Changes = {}): Hex => encode('02', { ...TYPE2, ...changes });
const every = [legacy, type1, type2];
const refused = (serialized: string): string => refusalOf(() => decodeTransaction(serialized));

function sign(hash: Uint8Array): EvmSignature {
  const signature = secp256k1.sign(hash, PRIVATE_KEY, { prehash: false, format: 'recovered' });
  return { recovery: signature[0] === 1 ? 1 : 0, r: signature.slice(1, 33), s: signature.slice(33) };
}

promise('P4', 'the three forms are read: chain, nonce, fee, and where the value goes', () => {
  for (const make of every) {
    const { intent, hash } = decodeTransaction(make());
    expect(intent).toMatchObject({ action: 'evm.transaction', chain: 'eip155:5', nonce: 1n, fee: 42_000n });
    expect(intent.effects).toEqual([{ kind: 'native-transfer', to: TO, amount: 7n }]);
    expect(`0x${toHex(intent.bytes)}`).toBe(make());
    expect(`0x${toHex(hash)}`).toBe(keccak256(make()));
  }
});

promise('P4', 'a transaction without a chain id, or for chain 0, is refused', () => {
  const { chainId: _chainId, r: _r, s: _s, ...withoutChain } = LEGACY;
  expect(refused(encode('', withoutChain))).toBe('evm.no-chain-id');
  for (const make of every) {
    expect(refused(make({ chainId: '0x' }))).toBe('evm.chain-zero');
    expect(refused(make({ chainId: '0x00' }))).toBe('evm.rlp');
    expect(refused(make({ chainId: number(9_223_372_036_854_775_772n) }))).toBe('evm.range');
    expect(refused(make({ chainId: number(2n ** 64n) }))).toBe('evm.range');
  }
  expect(decodeTransaction(type2({ chainId: number(2n ** 60n) })).intent.chain).toBe(`eip155:${2n ** 60n}`);
});

promise('P4', 'every type but two is refused by name', () => {
  const items = toRlp(Object.values(TYPE2) as Hex[]).slice(2);
  for (let type = 0; type < 0xc0; type++) {
    if (type === 1 || type === 2) continue;
    const code = type === 3 ? 'evm.blob' : type === 4 ? 'evm.set-code' : 'evm.unknown-type';
    expect(refused(`0x${type.toString(16).padStart(2, '0')}${items}`), String(type)).toBe(code);
  }
  expect(refused(encode('01', TYPE2))).toBe('evm.fields');
  expect(refused(encode('02', TYPE1))).toBe('evm.fields');
  expect(refused(encode('', TYPE1))).toBe('evm.fields');
});

promise('P4', 'what viem makes of blobs and of code for accounts is refused by name', async () => {
  const account = privateKeyToAccount(`0x${'4c'.repeat(32)}`);
  const authorization = await account.signAuthorization({ address: TO, chainId: 0, nonce: 0 });
  const setCode = serializeTransaction({ type: 'eip7702', chainId: 1, to: TO, authorizationList: [authorization] });
  expect(refused(setCode)).toBe('evm.set-code');
  const blob = serializeTransaction({
    type: 'eip4844',
    chainId: 1,
    to: TO,
    maxFeePerBlobGas: 1n,
    blobVersionedHashes: [`0x01${'00'.repeat(31)}`],
  });
  expect(refused(blob)).toBe('evm.blob');
});

promise('P4', 'a contract creation, and a recipient of another length, is refused', () => {
  for (const make of every) {
    expect(refused(make({ to: '0x' }))).toBe('evm.creation');
    expect(refused(make({ to: `0x${'ab'.repeat(19)}` }))).toBe('evm.recipient');
    expect(refused(make({ to: `0x${'ab'.repeat(21)}` }))).toBe('evm.recipient');
    expect(refused(make({ to: [] }))).toBe('evm.rlp');
  }
});

promise('P4', 'what carries a signature already is refused', async () => {
  const account = privateKeyToAccount(`0x${'4c'.repeat(32)}`);
  for (const make of every)
    expect(refused(await account.signTransaction(parseTransaction(make()) as never))).toBe('evm.signed');
  expect(refused(legacy({ r: '0x01' }))).toBe('evm.signed');
  expect(refused(legacy({ s: '0x01' }))).toBe('evm.signed');
  // Zero is no bytes, not a byte of zero.
  expect(refused(legacy({ r: '0x00' }))).toBe('evm.signed');
  expect(refused(encode('', { ...LEGACY, more: '0x' }))).toBe('evm.fields');
});

promise('P4', 'numbers at the ends of their ranges: exact, or refused', () => {
  const most = 2n ** 256n - 1n;
  const big = decodeTransaction(
    type2({ fee: number(most), tip: number(most), gas: number(2n ** 64n - 1n), value: number(most) }),
  );
  expect(big.intent.fee).toBe(most * (2n ** 64n - 1n));
  expect(big.intent.effects).toEqual([{ kind: 'native-transfer', to: TO, amount: most }]);
  expect(decodeTransaction(type2({ nonce: number(2n ** 64n - 2n) })).intent.nonce).toBe(2n ** 64n - 2n);
  for (const make of every) {
    expect(refused(make({ nonce: number(2n ** 64n - 1n) }))).toBe('evm.range');
    expect(refused(make({ nonce: number(2n ** 64n) }))).toBe('evm.range');
    expect(refused(make({ gas: number(2n ** 64n) }))).toBe('evm.range');
    expect(refused(make({ value: number(2n ** 256n) }))).toBe('evm.range');
    for (const member of ['nonce', 'gas', 'value']) {
      expect(refused(make({ [member]: '0x00' })), member).toBe('evm.rlp');
      expect(refused(make({ [member]: '0x0001' })), member).toBe('evm.rlp');
      expect(refused(make({ [member]: ['0x01'] })), member).toBe('evm.rlp');
    }
  }
  expect(refused(type2({ fee: number(2n ** 256n) }))).toBe('evm.range');
  expect(refused(type2({ tip: '0x03' }))).toBe('evm.priority-fee');
  expect(refused(type2({ tip: '0x02' }))).toBe('accepted');
});

promise('P4', 'access lists have addresses of 20 and keys of 32 bytes, and nothing else', () => {
  const accepted: readonly Item[] = [
    [],
    [[TO, []]],
    [
      [TO, [KEY, KEY]],
      [TO, [KEY]],
    ],
  ];
  const others: readonly Item[] = [
    '0x',
    [TO],
    [[TO]],
    [[]],
    [[TO, KEY]],
    [[TO, [], []]],
    [[`0x${'ab'.repeat(19)}`, []]],
    [[TO, [`0x${'cd'.repeat(31)}`]]],
    [[TO, [[KEY]]]],
    [[[TO], []]],
  ];
  for (const make of [type1, type2]) {
    for (const accessList of accepted) expect(refused(make({ accessList: accessList as Item }))).toBe('accepted');
    for (const accessList of others)
      expect(refused(make({ accessList: accessList as Item })), JSON.stringify(accessList)).toMatch(
        /^evm\.(?:rlp|access-list)$/,
      );
  }
});

promise('P4', 'trailing bytes, missing bytes, and texts that are not hexadecimal are refused', () => {
  for (const make of every) {
    expect(refused(`${make()}00`)).toBe('evm.rlp');
    expect(refused(make().slice(0, -2))).toBe('evm.rlp');
    expect(refused(make().slice(0, -1))).toBe('evm.hex');
    expect(refused(make().slice(2))).toBe('evm.hex');
    expect(refused(`0X${make().slice(2)}`)).toBe('evm.hex');
    expect(refused(` ${make()}`)).toBe('evm.hex');
    expect(refused(`0x${make().slice(2).toUpperCase()}`)).toBe('accepted');
  }
  expect(refused('0x')).toBe('evm.empty');
  expect(refused('')).toBe('evm.hex');
  expect(refused('0x02')).toBe('evm.rlp');
  expect(refused('0xc0')).toBe('evm.fields');
  expect(refused('0x0280')).toBe('evm.rlp');
  expect(refused(`0x${'00'.repeat(MAX_TRANSACTION_BYTES + 1)}`)).toBe('evm.too-large');
  expect(refused(`0x${'g'.repeat(2 * MAX_TRANSACTION_BYTES)}`)).toBe('evm.hex');
});

promise('P4', 'a member more or less, or two exchanged, never reads the same', () => {
  for (const [prefix, members] of [
    ['', LEGACY],
    ['01', TYPE1],
    ['02', TYPE2],
  ] as const) {
    const values = Object.values(members) as Item[];
    for (let index = 0; index < values.length; index++) {
      const without = values.filter((_, at) => at !== index);
      const twice = values.toSpliced(index, 0, values[index] ?? '0x');
      for (const changed of [without, twice])
        expect(refused(`0x${prefix}${toRlp(changed as Hex[]).slice(2)}`)).toMatch(/^evm\.(?:fields|signed)$/);
    }
  }
});

promise('P4', 'a signature makes the transaction that viem makes, and recovers the signer', async () => {
  const account = privateKeyToAccount(`0x${toHex(PRIVATE_KEY)}`);
  const forms: readonly TransactionSerializable[] = [
    { type: 'legacy', chainId: 1, nonce: 0, gas: 21_000n, gasPrice: 5n, to: TO, value: 1n },
    {
      type: 'eip2930',
      chainId: 137,
      gas: 21_000n,
      gasPrice: 5n,
      to: TO,
      accessList: [{ address: TO, storageKeys: [KEY] }],
    },
    {
      type: 'eip1559',
      chainId: 8453,
      nonce: 3,
      gas: 21_000n,
      maxFeePerGas: 5n,
      maxPriorityFeePerGas: 1n,
      to: TO,
      data: '0x01020304',
    },
  ];
  for (const form of forms) {
    const decoded = decodeTransaction(serializeTransaction(form));
    const { transaction, hash } = decoded.assemble(sign(decoded.hash));
    expect(transaction).toBe(await account.signTransaction(form as never));
    expect(hash).toBe(keccak256(transaction as Hex));
    expect(await recoverTransactionAddress({ serializedTransaction: transaction as never })).toBe(account.address);
  }
});

promise('P4', 'a signature that no node takes is not put into a transaction', () => {
  const decoded = decodeTransaction(type2());
  const good = sign(decoded.hash);
  const order = secp256k1.Point.Fn.ORDER;
  const scalar = (value: bigint): Uint8Array => Buffer.from(value.toString(16).padStart(64, '0'), 'hex');
  const s = BigInt(`0x${toHex(good.s)}`);
  const bad: readonly Partial<Record<keyof EvmSignature, unknown>>[] = [
    { s: scalar(order - s) },
    { s: scalar(0n) },
    { r: scalar(0n) },
    { r: scalar(order) },
    { r: good.r.slice(1) },
    { s: Uint8Array.from([0, ...good.s]) },
    { recovery: 2 },
    { recovery: 27 },
  ];
  for (const change of bad) expect(() => decoded.assemble({ ...good, ...change } as EvmSignature)).toThrow(TypeError);
});

promise('P4', 'any bytes give a transaction or a refusal', () => {
  const starts = fc.constantFrom('', '01', '02', '03', '04', 'c9', 'f8', '01c8', '02c9', '02f8');
  fc.assert(
    fc.property(starts, fc.uint8Array({ maxLength: 200 }), (start, rest) => {
      refused(`0x${start}${toHex(rest)}`);
    }),
    { numRuns: 3000 },
  );
  fc.assert(fc.property(fc.string(), (text) => void refused(text)));
});

test('the largest inputs are answered', () => {
  const size = MAX_TRANSACTION_BYTES - 8;
  const lists = `02fa01fff4${'c0'.repeat(MAX_TRANSACTION_BYTES - 5)}`;
  expect(refused(`0x${lists}`)).toMatch(/^evm\./);
  expect(refused(type2({ data: `0x${'11'.repeat(size - 100)}` }))).toBe('accepted');
});
