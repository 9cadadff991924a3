/**
 * The sealed store beside plain `node:sqlite` with the same settings and sizes: one record put, durable when
 * the call returns (write-ahead log, full synchronisation). Both in turn in each round, so that whatever else
 * the disk does falls on both.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSealedStore } from '@vitrine/storage';
import type { Figure } from './statistics.ts';

const ROUNDS = 41;
const WARM_UP_ROUNDS = 5;
const PER_ROUND = 50;
/** Records that are put again and again, as a service's state is. */
const RECORDS = 500;
/** The first is that of a reservation or a counter, which wait for the disk one by one; the target is for it. */
const SIZES: readonly (readonly [bytes: number, name: string, target: string])[] = [
  [200, '200 bytes', 'at least 0.6 ×'],
  [4000, '4 kB', ''],
  [60_000, '60 kB', ''],
];

interface Writer {
  readonly put: (id: number, value: Uint8Array) => void;
  readonly close: () => void;
}

function openPlain(file: string): Writer {
  const { DatabaseSync: Sqlite } = process.getBuiltinModule('node:sqlite');
  const connection = new Sqlite(file);
  connection.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  connection.exec('CREATE TABLE records (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT');
  const put = connection.prepare('INSERT OR REPLACE INTO records (id, body) VALUES (?, ?)');
  return { put: (id, value) => void put.run(id, value), close: () => connection.close() };
}

function openSealed(file: string): Writer {
  const store = openSealedStore({
    file,
    key: new Uint8Array(randomBytes(32)),
    name: 'bench',
    create: true,
    epoch: 0,
    randomBytes: (count) => new Uint8Array(randomBytes(count)),
  });
  const records = store.collection('bench', 'records');
  return { put: (id, value) => void records.put(String(id), value), close: store.close };
}

/** Median milliseconds that a put takes, by writer and round. */
function sample(writers: readonly Writer[], bytes: number): readonly number[][] {
  const value = new Uint8Array(randomBytes(bytes));
  const samples: number[][] = writers.map(() => []);
  let next = 0;
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    const taken: number[][] = writers.map(() => []);
    for (let count = 0; count < PER_ROUND; count++) {
      const id = next++ % RECORDS;
      // One put of each in turn: the flushes of a shared disk come in bursts.
      for (const [place, writer] of writers.entries()) {
        const start = performance.now();
        writer.put(id, value);
        taken[place]?.push(performance.now() - start);
      }
    }
    for (const [place, one] of taken.entries()) {
      one.sort((left, right) => left - right);
      if (round >= 0) samples[place]?.push(one[PER_ROUND / 2] ?? Number.NaN);
    }
  }
  return samples;
}

export async function benchStorage(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const [bytes, name, target] of SIZES) {
    const directory = mkdtempSync(join(tmpdir(), 'vitrine-bench-'));
    const writers = [openSealed(join(directory, 'sealed.db')), openPlain(join(directory, 'plain.db'))];
    try {
      const [sealed = [], plain = []] = sample(writers, bytes);
      const ratio = plain.map((value, round) => value / (sealed[round] ?? Number.NaN));
      figures.push(
        { name: `Sealed put of ${name}, on disk when it returns`, samples: sealed, unit: 'ms', target: '' },
        { name: '… plain SQLite, same settings', samples: plain, unit: 'ms', target: '' },
        { name: '… puts a second, over plain', samples: ratio, unit: '×', target },
      );
    } finally {
      for (const writer of writers) writer.close();
      rmSync(directory, { recursive: true, force: true });
    }
  }
  return figures;
}
