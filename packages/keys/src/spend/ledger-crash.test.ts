import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSealedStore } from '@vitrine/storage';
import { expect, vi } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { LEDGER_PLACE, ledgerStoreOptions, ONE_DAY } from '../testing/ledger-store-options.ts';
import { asker } from '../testing/policies.ts';
import { openSpendLedger } from './ledger.ts';
import { sealedLedgerStore } from './ledger-store.ts';
import { decodeRecord } from './spend-record.ts';

const KILLS = Number(process.env['VITRINE_KILLS'] ?? 15);
/** Half a second each, and what a loaded machine needs. */
vi.setConfig({ testTimeout: 30_000 + KILLS * 3000 });
const CHILD = join(import.meta.dirname, '../testing/ledger-child.ts');

/** Kills the child when it has acknowledged so many; gives all that it acknowledged. */
async function killAfter(file: string, acknowledged: number): Promise<readonly number[]> {
  const child = spawn(process.execPath, ['--conditions=@vitrine/source', '--no-warnings', CHILD, file], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let errors = '';
  child.stderr.on('data', (bytes: Buffer) => {
    errors += bytes.toString();
  });
  child.stdout.on('data', (bytes: Buffer) => {
    out += bytes.toString();
    if (out.split('\n').length > acknowledged) child.kill('SIGKILL');
  });
  const signal = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (_, by) => resolve(by));
  });
  if (signal !== 'SIGKILL') throw new Error(`the child ended by itself: ${errors}`);
  // What follows the last line end was cut off by the kill.
  return out.split('\n').slice(0, -1).map(Number);
}

async function killOnce(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-ledger-'));
  try {
    const file = join(directory, 'store.db');
    const acknowledged = await killAfter(file, 1 + Math.floor(Math.random() * 40));
    const sealed = openSealedStore(ledgerStoreOptions(file));
    const store = sealedLedgerStore(sealed, LEDGER_PLACE);
    const records = store.load().flatMap((value) => decodeRecord(value).reservations);
    const serials = new Set(records.map(({ serial }) => serial));
    expect(acknowledged.filter((serial) => !serials.has(serial))).toEqual([]);
    // Each exactly once, and nothing but what was reserved: those that were on their way are the last.
    expect(serials.size).toBe(records.length);
    expect([...serials].sort((left, right) => left - right)).toEqual(records.map((_, index) => index + 1));
    expect(records.every(({ key, charges }) => key === 'hot' && charges[0]?.amount === '3')).toBe(true);
    const ledger = openSpendLedger({
      store,
      limits: new Map([['hot', [ONE_DAY]]]),
      instanceKeys: new Set(),
      now: () => 0,
      restarted: false,
    });
    expect(ledger.room('hot', [{ limit: ONE_DAY.id, amount: 1n }], asker).ok).toBe(false);
    sealed.close();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

promise.unless(
  process.platform === 'win32' && 'there is no SIGKILL',
  'P4',
  `after kill -9 at any time every signature that could have left is in the store (${KILLS} times)`,
  async () => {
    let left = KILLS;
    const killOn = async (): Promise<void> => {
      while (left-- > 0) await killOnce();
    };
    await Promise.all([killOn(), killOn()]);
  },
);

promise('P4', 'in the sealed store records are added and removed by their names', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-ledger-'));
  try {
    const sealed = openSealedStore(ledgerStoreOptions(join(directory, 'store.db')));
    const store = sealedLedgerStore(sealed, LEDGER_PLACE);
    await store.append([
      { id: '1', value: Uint8Array.of(1) },
      { id: '2', value: Uint8Array.of(2) },
    ]);
    await store.remove(['1', 'never there']);
    expect(store.load()).toEqual([Uint8Array.of(2)]);
    expect(sealedLedgerStore(sealed, { ...LEDGER_PLACE, collection: 'other' }).load()).toEqual([]);
    sealed.close();
    expect(() => store.append([{ id: '3', value: Uint8Array.of(3) }])).toThrow(/closed/);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
