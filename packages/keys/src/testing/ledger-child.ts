/**
 * A process that reserves and settles without end, to be killed: `node ledger-child.ts <file>`. It writes
 * the serial of each reservation as a line, once a signature could have left.
 *
 * @module
 */
import { writeSync } from 'node:fs';
import { openSealedStore } from '@vitrine/storage';
import { openSpendLedger } from '../spend/ledger.ts';
import { sealedLedgerStore } from '../spend/ledger-store.ts';
import { LEDGER_PLACE, ledgerStoreOptions, ONE_DAY } from './ledger-store-options.ts';
import { asker } from './policies.ts';

const [, , file = ''] = process.argv;
const AT_ONCE = 4;

const ledger = openSpendLedger({
  store: sealedLedgerStore(openSealedStore(ledgerStoreOptions(file)), LEDGER_PLACE),
  limits: new Map([['hot', [ONE_DAY]]]),
  instanceKeys: new Set(),
  now: () => performance.now(),
  restarted: false,
});

async function sign(): Promise<void> {
  const reserved = ledger.reserve('hot', [{ limit: ONE_DAY.id, amount: 3n }], asker);
  if (!reserved.ok) throw new Error(reserved.reason);
  await ledger.settle(reserved.reservation);
  writeSync(1, `${reserved.reservation.serial}\n`);
}

for (;;) await Promise.all(Array.from({ length: AT_ONCE }, sign));
