/**
 * Chain ids: their range, their text, and which of them are networks where things have a price.
 *
 * Specification: EIP-155, EIP-2294 (the bound), CAIP-2 (the text).
 *
 * @module
 */
import { refuse } from './refuse.ts';

/** `floor((2^64 - 1) / 2) - 36`, so that the `v` of a legacy signature stays below 2^64. */
const MAX_CHAIN_ID = 9_223_372_036_854_775_771n;

/**
 * `eip155:<id>`.
 *
 * @throws RefusedRequestError `evm.chain-zero` for 0, which some formats read as every chain; `evm.range`
 *   beyond the bound.
 */
export function chainText(id: bigint): string {
  if (id === 0n) refuse('evm.chain-zero', 'chain id: 0 names no chain, and some formats read it as all of them');
  if (id < 0n || id > MAX_CHAIN_ID) refuse('evm.range', `chain id: expected at most ${MAX_CHAIN_ID}, got ${id}`);
  return `eip155:${id}`;
}

/** The networks that are in use in 2026, not every network that ever was. */
const MAIN_NETWORKS: ReadonlySet<string> = new Set(
  [
    1, 10, 14, 19, 20, 24, 25, 30, 40, 42, 50, 56, 57, 61, 66, 82, 88, 100, 106, 108, 109, 122, 128, 130, 137, 143, 146,
    148, 169, 173, 177, 185, 196, 199, 204, 223, 232, 239, 246, 248, 250, 252, 255, 288, 291, 295, 314, 321, 324, 336,
    360, 361, 369, 388, 480, 570, 592, 690, 747, 888, 957, 988, 999, 1030, 1088, 1100, 1101, 1111, 1116, 1135, 1284,
    1285, 1329, 1480, 1514, 1559, 1625, 1729, 1750, 1776, 1868, 1890, 1923, 1996, 2000, 2020, 2222, 2345, 2741, 2818,
    3338, 4158, 4200, 4217, 4326, 4337, 4663, 4689, 5000, 5031, 5042, 5330, 5464, 6001, 7000, 7070, 7560, 7700, 8118,
    8217, 8453, 8822, 9001, 9745, 10000, 11235, 12553, 13371, 16661, 23294, 32769, 33139, 34443, 41923, 42161, 42170,
    42220, 42262, 42766, 42793, 43111, 43114, 47763, 48900, 50104, 55244, 57073, 59144, 60808, 61166, 80094, 81457,
    88888, 98866, 105105, 111188, 167000, 200901, 222222, 534352, 543210, 660279, 747474, 810180, 1440000, 7777777,
    21000000, 245022934, 666666666, 728126428, 888888888, 994873017, 1313161554, 1666600000, 2046399126, 11297108109,
  ].map((id) => `eip155:${id}`),
);

/**
 * Whether `chain` (CAIP-2) is a well-known main network of the EVM family. Used where keys must not hold
 * value; an id that is not listed may still be one. False for chains of other families.
 */
export function isMainNetwork(chain: string): boolean {
  return MAIN_NETWORKS.has(chain);
}
