import { expect } from 'vitest';
import { promise } from '../promises.ts';
import { runEvmCases } from './evm-cases.ts';

const CASES = Number(process.env['VITRINE_CASES'] ?? 2000);
const SEED = 20261122;

promise(
  'P4',
  'of made-up and damaged transactions, what is accepted is read by viem in the same way',
  async () => {
    const outcome = await runEvmCases(CASES, SEED);
    expect(outcome.differences).toEqual([]);
    expect(outcome.cases).toBe(CASES);
    // The comparison means something only where both happens.
    expect(outcome.accepted).toBeGreaterThan(CASES / 5);
    expect(outcome.acceptedDamaged).toBeGreaterThan(CASES / 20);
    expect(outcome.assembled).toBeGreaterThan(0);
    for (const code of ['evm.rlp', 'evm.dirty-address', 'evm.trailing-data', 'evm.signed', 'evm.unknown-type'])
      expect(outcome.refusals[code], code).toBeGreaterThan(0);
  },
  600_000,
);
