import { arbitrum, base, baseSepolia, mainnet, optimism, polygon, scroll, sepolia, zora } from 'viem/chains';
import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { chainText, isMainNetwork } from './chains.ts';
import { refusalOf } from './testing/refusals.ts';

promise('P4', 'main networks are known, test networks and other families are not among them', () => {
  for (const { id } of [arbitrum, base, mainnet, optimism, polygon, scroll, zora])
    expect(isMainNetwork(`eip155:${id}`), String(id)).toBe(true);
  for (const { id } of [baseSepolia, sepolia, { id: 31337 }, { id: 1337 }])
    expect(isMainNetwork(`eip155:${id}`), String(id)).toBe(false);
  for (const other of ['solana', '1', 'eip155:', 'eip155:01', '']) expect(isMainNetwork(other), other).toBe(false);
});

test('chain ids are texts of at most 19 digits, and 0 is none', () => {
  expect(chainText(1n)).toBe('eip155:1');
  expect(chainText(9_223_372_036_854_775_771n)).toBe('eip155:9223372036854775771');
  expect(refusalOf(() => chainText(9_223_372_036_854_775_772n))).toBe('evm.range');
  expect(refusalOf(() => chainText(-1n))).toBe('evm.range');
  expect(refusalOf(() => chainText(0n))).toBe('evm.chain-zero');
});
