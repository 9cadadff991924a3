import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { Effect } from '../intent.ts';
import { describeEffect } from './show.ts';

const A = `0x${'a1'.repeat(20)}`;
const T = `0x${'70'.repeat(20)}`;
const show = (effect: Effect): string => describeEffect(effect, 'eip155:1');
const approval = { kind: 'token-approval', token: T, spender: A, standard: 'erc20', amount: 5n } as const;

promise('P4', 'people see every effect in one line, with whole addresses and exact amounts', () => {
  const lines: readonly (readonly [Effect, string])[] = [
    [
      { kind: 'native-transfer', to: A, amount: 1_500_000_000_000_000_000n },
      `send 1.5 coins (1500000000000000000 wei) to ${A} on eip155:1`,
    ],
    [{ kind: 'native-transfer', to: A, amount: 1n }, `send 0.000000000000000001 coins (1 wei) to ${A} on eip155:1`],
    [{ kind: 'native-transfer', to: A, amount: 0n }, `send 0 coins (0 wei) to ${A} on eip155:1`],
    [
      { kind: 'token-transfer', token: T, to: A, standard: 'erc20', amount: 5n },
      `transfer 5 units of token ${T} to ${A} on eip155:1`,
    ],
    [
      { kind: 'token-transfer', token: T, from: T, to: A, standard: 'erc721', amount: 1n, id: 9n },
      `transfer item 9 of collection ${T} from ${T} to ${A} on eip155:1`,
    ],
    [
      { kind: 'token-transfer', token: T, from: T, to: A, standard: 'erc1155', amount: 2n, id: 9n },
      `transfer 2 units of item 9 of collection ${T} from ${T} to ${A} on eip155:1`,
    ],
    [
      { kind: 'token-transfer', token: T, from: T, to: A, standard: 'erc20-or-erc721', amount: 2n },
      `transfer 2 units (or the item of that number) of token ${T} from ${T} to ${A} on eip155:1`,
    ],
    [approval, `let ${A} spend 5 units of token ${T} on eip155:1`],
    [
      { ...approval, deadline: 1_800_000_000n },
      `let ${A} spend 5 units of token ${T} until 2027-01-15T08:00:00Z on eip155:1`,
    ],
    [{ ...approval, deadline: 2n ** 256n - 1n }, `let ${A} spend 5 units of token ${T} without an end on eip155:1`],
    [{ ...approval, deadline: 0n }, `let ${A} spend 5 units of token ${T} within the same block on eip155:1`],
    [{ ...approval, amount: 0n }, `let ${A} spend nothing of token ${T} on eip155:1`],
    [
      { ...approval, standard: 'erc20-or-erc721' },
      `let ${A} spend 5 units of token ${T} (or move the item of number 5) on eip155:1`,
    ],
    [
      { ...approval, standard: 'erc721', amount: 2n ** 256n - 1n },
      `let ${A} move ALL items of collection ${T} on eip155:1`,
    ],
    [{ ...approval, standard: 'erc721', amount: 0n }, `stop ${A} from moving items of collection ${T} on eip155:1`],
    [
      { kind: 'call', contract: T, selector: '0xdeadbeef', data: new Uint8Array(33) },
      `call function 0xdeadbeef of contract ${T} with 33 bytes of arguments on eip155:1`,
    ],
    [
      { kind: 'sol-transfer', to: 'abc', amount: 1_000_000_001n },
      'send 1.000000001 SOL (1000000001 lamports) to abc on eip155:1',
    ],
    [
      { kind: 'spl-transfer', mint: 'm', from: 'f', to: 't', amount: 7n },
      'transfer 7 units of mint m from token account f to token account t on eip155:1',
    ],
  ];
  for (const [effect, line] of lines) expect(show(effect)).toBe(line);
});

promise('P4', 'allowances that are meant as everything are called unlimited', () => {
  for (const bits of [96n, 160n, 255n, 256n])
    expect(show({ ...approval, amount: 2n ** bits - 1n })).toContain('UNLIMITED');
  expect(show({ ...approval, amount: 2n ** 128n })).toContain('UNLIMITED');
  expect(show({ ...approval, amount: 2n ** 256n - 2n })).toContain('UNLIMITED');
  expect(show({ ...approval, standard: 'erc20-or-erc721', amount: 2n ** 256n - 1n })).toContain('UNLIMITED');
  expect(show({ ...approval, amount: 10n ** 27n })).not.toContain('UNLIMITED');
});

test('a line is a line', () => {
  expect(show(approval)).not.toMatch(/[\r\n]/);
});
