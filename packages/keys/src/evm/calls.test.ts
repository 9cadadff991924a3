import { toHex } from '@vitrine/documents';
import { encodeFunctionData, erc20Abi, erc721Abi, type Hex, parseAbi } from 'viem';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { Effect } from '../intent.ts';
import { ALL_TOKENS, effectsOfCall, isDecodedFunction } from './calls.ts';
import { PERMIT2 } from './permit2.ts';
import { refusalOf } from './testing/refusals.ts';

const TOKEN = `0x${'70'.repeat(20)}`;
const A: Hex = `0x${'a1'.repeat(20)}`;
const B: Hex = `0x${'b2'.repeat(20)}`;
const R: Hex = `0x${'07'.repeat(32)}`;

const abi1155 = parseAbi([
  'function safeTransferFrom(address,address,uint256,uint256,bytes)',
  'function safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)',
]);
const permitAbi = parseAbi(['function permit(address,address,uint256,uint256,uint8,bytes32,bytes32)']);
const daiAbi = parseAbi(['function permit(address,address,uint256,uint256,bool,uint8,bytes32,bytes32)']);
const allowanceAbi = parseAbi([
  'function increaseAllowance(address,uint256)',
  'function decreaseAllowance(address,uint256)',
]);
const permit2Abi = parseAbi([
  'function approve(address,address,uint160,uint48)',
  'function transferFrom(address,address,uint160,address)',
]);
const permit2Single = parseAbi([
  'struct Details { address token; uint160 amount; uint48 expiration; uint48 nonce; }',
  'struct Single { Details details; address spender; uint256 sigDeadline; }',
  'function permit(address,Single,bytes)',
]);
const permit2Batch = parseAbi([
  'struct Details { address token; uint160 amount; uint48 expiration; uint48 nonce; }',
  'struct Batch { Details[] details; address spender; uint256 sigDeadline; }',
  'function permit(address,Batch,bytes)',
]);
const permit2Transfers = parseAbi([
  'struct Transfer { address from; address to; uint160 amount; address token; }',
  'function transferFrom(Transfer[])',
]);

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.slice(2), 'hex'));
const effects = (data: string, to = TOKEN, value = 0n): readonly Effect[] => effectsOfCall(to, value, bytes(data));
const refused = (data: string, to = TOKEN): string => refusalOf(() => effects(data, to));

const transfer = encodeFunctionData({ abi: erc20Abi, functionName: 'transfer', args: [A, 5n] });
const safeWithData = encodeFunctionData({
  abi: erc721Abi,
  functionName: 'safeTransferFrom',
  args: [A, B, 9n, '0x010203'],
});
const single1155 = encodeFunctionData({ abi: abi1155, functionName: 'safeTransferFrom', args: [A, B, 3n, 4n, '0x'] });
const batch1155 = encodeFunctionData({
  abi: abi1155,
  functionName: 'safeBatchTransferFrom',
  args: [A, B, [1n, 2n], [10n, 20n], '0x0102'],
});
const details = { token: TOKEN as Hex, amount: 6n, expiration: 1_800_000_000, nonce: 1 };
const permitSingle = encodeFunctionData({
  abi: permit2Single,
  functionName: 'permit',
  args: [A, { details, spender: B, sigDeadline: 99n }, `0x${'05'.repeat(65)}`],
});
const permitBatch = encodeFunctionData({
  abi: permit2Batch,
  functionName: 'permit',
  args: [A, { details: [details, { ...details, amount: 8n }], spender: B, sigDeadline: 99n }, `0x${'05'.repeat(65)}`],
});
const transfers = encodeFunctionData({
  abi: permit2Transfers,
  functionName: 'transferFrom',
  args: [[{ from: A, to: B, amount: 1n, token: TOKEN as Hex }]],
});

/** Known calls with what they do; all at the token, or at Permit2. */
const KNOWN: readonly (readonly [data: Hex, to: string, effects: readonly Effect[]])[] = [
  [transfer, TOKEN, [{ kind: 'token-transfer', token: TOKEN, to: A, standard: 'erc20', amount: 5n }]],
  [
    encodeFunctionData({ abi: erc20Abi, functionName: 'approve', args: [A, ALL_TOKENS] }),
    TOKEN,
    [{ kind: 'token-approval', token: TOKEN, spender: A, standard: 'erc20-or-erc721', amount: ALL_TOKENS }],
  ],
  [
    encodeFunctionData({ abi: allowanceAbi, functionName: 'increaseAllowance', args: [A, 5n] }),
    TOKEN,
    [{ kind: 'token-approval', token: TOKEN, spender: A, standard: 'erc20', amount: 5n }],
  ],
  [
    encodeFunctionData({ abi: erc20Abi, functionName: 'transferFrom', args: [A, B, 5n] }),
    TOKEN,
    [{ kind: 'token-transfer', token: TOKEN, from: A, to: B, standard: 'erc20-or-erc721', amount: 5n }],
  ],
  [
    encodeFunctionData({ abi: erc721Abi, functionName: 'safeTransferFrom', args: [A, B, 9n] }),
    TOKEN,
    [{ kind: 'token-transfer', token: TOKEN, from: A, to: B, standard: 'erc721', amount: 1n, id: 9n }],
  ],
  [
    safeWithData,
    TOKEN,
    [{ kind: 'token-transfer', token: TOKEN, from: A, to: B, standard: 'erc721', amount: 1n, id: 9n }],
  ],
  [
    encodeFunctionData({ abi: erc721Abi, functionName: 'setApprovalForAll', args: [A, true] }),
    TOKEN,
    [{ kind: 'token-approval', token: TOKEN, spender: A, standard: 'erc721', amount: ALL_TOKENS }],
  ],
  [
    encodeFunctionData({ abi: erc721Abi, functionName: 'setApprovalForAll', args: [A, false] }),
    TOKEN,
    [{ kind: 'token-approval', token: TOKEN, spender: A, standard: 'erc721', amount: 0n }],
  ],
  [
    single1155,
    TOKEN,
    [{ kind: 'token-transfer', token: TOKEN, from: A, to: B, standard: 'erc1155', amount: 4n, id: 3n }],
  ],
  [
    batch1155,
    TOKEN,
    [
      { kind: 'token-transfer', token: TOKEN, from: A, to: B, standard: 'erc1155', amount: 10n, id: 1n },
      { kind: 'token-transfer', token: TOKEN, from: A, to: B, standard: 'erc1155', amount: 20n, id: 2n },
    ],
  ],
  [
    encodeFunctionData({ abi: permitAbi, functionName: 'permit', args: [A, B, 5n, 99n, 27, R, R] }),
    TOKEN,
    [{ kind: 'token-approval', token: TOKEN, spender: B, standard: 'erc20', amount: 5n }],
  ],
  [
    encodeFunctionData({ abi: daiAbi, functionName: 'permit', args: [A, B, 0n, 0n, true, 27, R, R] }),
    TOKEN,
    [{ kind: 'token-approval', token: TOKEN, spender: B, standard: 'erc20', amount: ALL_TOKENS }],
  ],
  [
    encodeFunctionData({ abi: permit2Abi, functionName: 'approve', args: [TOKEN as Hex, B, 6n, 7] }),
    PERMIT2,
    [{ kind: 'token-approval', token: TOKEN, spender: B, standard: 'erc20', amount: 6n, deadline: 7n }],
  ],
  [
    encodeFunctionData({ abi: permit2Abi, functionName: 'transferFrom', args: [A, B, 6n, TOKEN as Hex] }),
    PERMIT2,
    [{ kind: 'token-transfer', token: TOKEN, from: A, to: B, standard: 'erc20', amount: 6n }],
  ],
  [
    permitSingle,
    PERMIT2,
    [{ kind: 'token-approval', token: TOKEN, spender: B, standard: 'erc20', amount: 6n, deadline: 1_800_000_000n }],
  ],
  [
    permitBatch,
    PERMIT2,
    [6n, 8n].map((amount) => ({
      kind: 'token-approval' as const,
      token: TOKEN,
      spender: B,
      standard: 'erc20' as const,
      amount,
      deadline: 1_800_000_000n,
    })),
  ],
  [transfers, PERMIT2, [{ kind: 'token-transfer', token: TOKEN, from: A, to: B, standard: 'erc20', amount: 1n }]],
];

/** `data` with its bytes from `offset` replaced; offsets count from the first argument. */
function patched(data: string, offset: number, hex: string): string {
  const at = 10 + 2 * offset;
  return `${data.slice(0, at)}${hex}${data.slice(at + hex.length)}`;
}
const word = (value: number): string => value.toString(16).padStart(64, '0');

promise('P4', 'the calls of token standards and of Permit2 are told by what they do', () => {
  for (const [data, to, expected] of KNOWN) expect(effects(data, to), data.slice(0, 10)).toEqual(expected);
});

promise('P4', 'a known call with bytes after its last argument, or without its last ones, is refused', () => {
  for (const [data, to] of KNOWN) {
    for (const more of ['00', '00'.repeat(32), 'ff'.repeat(32)])
      expect(refused(`${data}${more}`, to), data.slice(0, 10)).toBe('evm.trailing-data');
    for (const less of [1, 31, 32])
      expect(refused(data.slice(0, -2 * less), to)).toMatch(/^evm\.(?:short|trailing)-data$/);
    expect(refused(data.slice(0, 10), to)).toBe('evm.short-data');
  }
});

promise('P4', 'an address with bits above its 20 bytes is refused wherever it stands', () => {
  for (const [data, to] of KNOWN) {
    const words = (data.length - 10) / 64;
    let found = 0;
    for (let index = 0; index < words; index++) {
      const start = 10 + 64 * index;
      // The addresses of these cases, by their bytes.
      if (!/^0{24}(?:a1|b2|70){20}$/.test(data.slice(start, start + 64))) continue;
      found += 1;
      for (const at of [0, 5, 11]) expect(refused(patched(data, 32 * index + at, '01'), to)).toBe('evm.dirty-address');
    }
    expect(found, data.slice(0, 10)).toBeGreaterThan(0);
  }
});

promise('P4', 'booleans are 0 or 1, and narrower numbers stay within their bits', () => {
  const all = encodeFunctionData({ abi: erc721Abi, functionName: 'setApprovalForAll', args: [A, true] });
  expect(refused(patched(all, 32, word(2)))).toBe('evm.argument');
  expect(refused(patched(all, 32, `01${'00'.repeat(31)}`))).toBe('evm.argument');
  const approve = encodeFunctionData({ abi: permit2Abi, functionName: 'approve', args: [TOKEN as Hex, B, 6n, 7] });
  expect(refused(patched(approve, 64 + 11, '01'), PERMIT2)).toBe('evm.argument');
  expect(refused(patched(approve, 96 + 25, '01'), PERMIT2)).toBe('evm.argument');
  const permit = encodeFunctionData({ abi: permitAbi, functionName: 'permit', args: [A, B, 5n, 99n, 27, R, R] });
  expect(refused(patched(permit, 128 + 30, '01'))).toBe('evm.argument');
});

promise('P4', 'dynamic arguments lie where the canonical layout has them, with zero padding', () => {
  const cases: readonly (readonly [why: string, data: string, to?: string])[] = [
    ['offset too far', patched(safeWithData, 96, word(0xa0))],
    ['offset into the heads', patched(safeWithData, 96, word(0x40))],
    ['offset of 2^256 - 1', patched(safeWithData, 96, 'ff'.repeat(32))],
    ['padding', patched(safeWithData, 160 + 31, '01')],
    ['padding next to the bytes', patched(safeWithData, 160 + 3, '01')],
    ['length beyond the end', patched(safeWithData, 128, word(33))],
    ['length far beyond the end', patched(safeWithData, 128, 'ff'.repeat(32))],
    ['offset of ERC-1155 bytes', patched(single1155, 128, word(0xc0))],
    ['offset of ids', patched(batch1155, 64, word(0xc0))],
    ['offset of amounts at the ids', patched(batch1155, 96, word(0xa0))],
    ['offset of the bytes', patched(batch1155, 128, word(0xa0))],
    ['more ids than amounts', patched(batch1155, 160, word(3))],
    ['ids without number', patched(batch1155, 160, 'ff'.repeat(32))],
    ['fewer amounts than ids', patched(batch1155, 256, word(1))],
    ['offset of a signature', patched(permitSingle, 224, word(0x120)), PERMIT2],
    ['offset of a batch', patched(permitBatch, 32, word(0x80)), PERMIT2],
    ['offset of details', patched(permitBatch, 96, word(0x80)), PERMIT2],
    ['offset of a batch signature', patched(permitBatch, 64, word(0x80)), PERMIT2],
    ['offset of transfers', patched(transfers, 0, word(0x40)), PERMIT2],
    ['number of transfers', patched(transfers, 32, word(2)), PERMIT2],
  ];
  for (const [why, data, to] of cases)
    expect(refused(data, to), why).toMatch(/^evm\.(?:argument|short-data|trailing-data)$/);
});

promise('P4', 'a batch without elements, which would do nothing that a rule can see, is refused', () => {
  const tokens = encodeFunctionData({
    abi: abi1155,
    functionName: 'safeBatchTransferFrom',
    args: [A, B, [], [], '0x'],
  });
  expect(refused(tokens)).toBe('evm.empty-batch');
  const permits = encodeFunctionData({
    abi: permit2Batch,
    functionName: 'permit',
    args: [A, { details: [], spender: B, sigDeadline: 1n }, '0x'],
  });
  expect(refused(permits, PERMIT2)).toBe('evm.empty-batch');
  expect(
    refused(encodeFunctionData({ abi: permit2Transfers, functionName: 'transferFrom', args: [[]] }), PERMIT2),
  ).toBe('evm.empty-batch');
});

promise('P4', 'whatever carries other calls, or is not known, is a call and nothing else', () => {
  const unknown = parseAbi([
    'function multicall(bytes[])',
    'function execute(bytes,bytes[],uint256)',
    'function executeBatch((address,uint256,bytes)[])',
    'function execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)',
    'function deposit()',
  ]);
  const calls = [
    encodeFunctionData({ abi: unknown, functionName: 'multicall', args: [[transfer]] }),
    encodeFunctionData({ abi: unknown, functionName: 'execute', args: ['0x00', [transfer], 1n] }),
    encodeFunctionData({ abi: unknown, functionName: 'executeBatch', args: [[[TOKEN as Hex, 1n, transfer]]] }),
    encodeFunctionData({
      abi: unknown,
      functionName: 'execTransaction',
      args: [A, 0n, transfer, 0, 0n, 0n, 0n, A, A, '0x'],
    }),
    encodeFunctionData({ abi: unknown, functionName: 'deposit' }),
    encodeFunctionData({ abi: allowanceAbi, functionName: 'decreaseAllowance', args: [A, 5n] }),
    '0xdeadbeef00',
  ];
  for (const data of calls) {
    const [effect, ...more] = effects(data);
    expect(more).toEqual([]);
    expect(effect).toMatchObject({ kind: 'call', contract: TOKEN, selector: data.slice(0, 10) });
    expect(effect?.kind === 'call' && toHex(effect.data)).toBe(data.slice(10));
  }
});

promise('P4', 'the functions of Permit2 mean something at its one address alone', () => {
  for (const [data, to] of KNOWN.filter(([, at]) => at === PERMIT2)) {
    expect(effects(data, to).every(({ kind }) => kind !== 'call')).toBe(true);
    expect(effects(data, TOKEN)).toMatchObject([{ kind: 'call', contract: TOKEN }]);
  }
  expect(isDecodedFunction('approve(address,address,uint160,uint48)')).toBe(false);
  expect(isDecodedFunction('approve(address,address,uint160,uint48)', PERMIT2)).toBe(true);
  expect(isDecodedFunction('transfer(address,uint256)')).toBe(true);
});

promise('P4', 'coins that go with a call are an effect of their own, and no transaction is without effects', () => {
  expect(effects(transfer, TOKEN, 3n)).toMatchObject([
    { kind: 'native-transfer', to: TOKEN, amount: 3n },
    { kind: 'token-transfer' },
  ]);
  expect(effects('0xdeadbeef', TOKEN, 3n)).toMatchObject([{ kind: 'native-transfer', amount: 3n }, { kind: 'call' }]);
  expect(effects('0x', TOKEN, 0n)).toEqual([{ kind: 'native-transfer', to: TOKEN, amount: 0n }]);
  for (const data of ['0x00', '0xa905', '0xa9059c']) expect(refused(data)).toBe('evm.short-data');
});
