/**
 * Numbers that look random and come again with the same seed, so that a difference can be looked into.
 *
 * Not for keys: xorshift32.
 *
 * @module
 */

export interface Random {
  /** A whole number from 0 to `below` - 1. */
  below(below: number): number;
  /** Whether something happens that does so once in `times`. */
  oneIn(times: number): boolean;
  pick<Value>(values: readonly [Value, ...Value[]]): Value;
  bytes(length: number): Uint8Array;
  /** A number of up to `bits` bits, small ones and the ends of the range more often. */
  integer(bits: number): bigint;
}

export function randomFrom(seed: number): Random {
  // Zero would stay zero.
  let state = seed >>> 0 || 0x9e3779b9;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  const below = (limit: number): number => next() % limit;
  const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => below(256));
  return {
    below,
    oneIn: (times) => below(times) === 0,
    pick: (values) => values[below(values.length)] ?? values[0],
    bytes,
    integer: (bits) => {
      const most = (1n << BigInt(bits)) - 1n;
      switch (below(5)) {
        case 0:
          return BigInt(below(3));
        case 1:
          return most - BigInt(below(2));
        case 2:
          return BigInt(below(1_000_000)) & most;
        default: {
          const size = 1 + below(Math.ceil(bits / 8));
          return BigInt(`0x${Buffer.from(bytes(size)).toString('hex')}`) & most;
        }
      }
    },
  };
}
