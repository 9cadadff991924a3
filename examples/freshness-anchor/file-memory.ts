/**
 * What a freshness service remembers, as a file for each state, in a directory that one process has.
 *
 * @module
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Memory, Remembered } from './anchor-service.ts';

/** @throws Error where another process has the directory. */
export function fileMemory(directory: string): Memory & { close(): void } {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const lock = takeLock(join(directory, 'lock.sqlite'));
  const fileOf = (store: string): string => join(directory, `${store}.json`);
  return {
    get: async (store) => readOwn(fileOf(store)),
    set: async (store, remembered) => {
      const file = fileOf(store);
      writeDurably(`${file}.new`, JSON.stringify(remembered));
      renameSync(`${file}.new`, file);
      flush(directory);
    },
    close: () => lock.close(),
  };
}

function readOwn(file: string): Remembered | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Remembered;
  } catch (error) {
    // Anything but a missing file must not look like a state that was never seen.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function writeDurably(file: string, text: string): void {
  const descriptor = openSync(file, 'w', 0o600);
  try {
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Makes a rename in it durable. */
function flush(directory: string): void {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The system gives the lock up when the process ends in whatever way. @throws Error where another process has it. */
function takeLock(lock: string): { close(): void } {
  const connection = new DatabaseSync(lock, { timeout: 0 });
  try {
    connection.exec('BEGIN EXCLUSIVE');
    return connection;
  } catch (cause) {
    connection.close();
    throw new Error(`another process has ${lock}; two would each remember something else`, { cause });
  }
}
