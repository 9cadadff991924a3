/**
 * Stores in directories that are removed after the test, and the file seen from outside.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { onTestFinished } from 'vitest';
import { openSealedStore, type SealedStore } from '../sealed-store.ts';
import type { SealedStoreOptions } from '../store-options.ts';

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-storage-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Options of a store that does not exist yet. */
export function freshOptions(changes: Partial<SealedStoreOptions> = {}): SealedStoreOptions {
  return {
    file: join(temporaryDirectory(), 'store.db'),
    key: new Uint8Array(32).fill(7),
    name: 'test',
    create: true,
    epoch: 1,
    randomBytes: (count) => new Uint8Array(randomBytes(count)),
    ...changes,
  };
}

/** Opens, works, and closes again also when the work throws. */
export function withStore<T>(options: SealedStoreOptions, work: (store: SealedStore) => T): T {
  const store = openSealedStore(options);
  try {
    return work(store);
  } finally {
    store.close();
  }
}

/** The file as SQLite shows it to somebody without the key. */
export function withRawFile<T>(file: string, work: (connection: DatabaseSync) => T): T {
  const { DatabaseSync: Sqlite } = process.getBuiltinModule('node:sqlite');
  const connection = new Sqlite(file);
  try {
    return work(connection);
  } finally {
    connection.close();
  }
}

/** Every byte of every file in the store's directory. */
export function allBytes(directory: string): Buffer {
  return Buffer.concat(readdirSync(directory).map((name) => readFileSync(join(directory, name))));
}

export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** The stable code of the error that `work` throws; `undefined` where it throws none. */
export function codeOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return String(error.code);
    throw error;
  }
}
