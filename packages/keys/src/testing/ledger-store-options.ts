/**
 * The sealed store and the limit of the processes that are killed.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import type { SealedStoreOptions } from '@vitrine/storage';
import type { LoadedLimit } from '../policy/loaded-policy.ts';
import type { LedgerPlace } from '../spend/ledger-store.ts';

export const LEDGER_PLACE: LedgerPlace = { tenant: 'keys', collection: 'spend' };

export const ONE_DAY: LoadedLimit = {
  kind: 'value',
  id: 'daily',
  window: 86_400,
  per: 'key',
  max: 1_000_000_000n,
  chain: 'eip155:1',
  asset: 'native',
};

export function ledgerStoreOptions(file: string): SealedStoreOptions {
  return { file, key: new Uint8Array(32).fill(7), name: 'test', create: true, epoch: 0, randomBytes };
}
