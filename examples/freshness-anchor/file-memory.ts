/**
 * What a freshness service remembers, as a file for each state, in a directory that one process has.
 *
 * @module
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Memory, Remembered } from './anchor-service.ts';

/** @throws Error where another process has the directory. */
export function fileMemory(directory: string): Memory & { close(): void } {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const lock = join(directory, 'lock');
  takeLock(lock);
  const fileOf = (store: string): string => join(directory, `${store}.json`);
  return {
    get: async (store) => readOwn(fileOf(store)),
    set: async (store, remembered) => {
      const file = fileOf(store);
      writeDurably(`${file}.new`, JSON.stringify(remembered));
      renameSync(`${file}.new`, file);
      flush(directory);
    },
    close: () => rmSync(lock, { force: true }),
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
    writeSync(descriptor, text);
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

function takeLock(lock: string): void {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const descriptor = openSync(lock, 'wx', 0o600);
      writeSync(descriptor, String(process.pid));
      closeSync(descriptor);
      return;
    } catch {
      const holder = Number(readFileSync(lock, 'utf8'));
      if (holder !== process.pid && isRunning(holder)) break;
      // It was killed and could not remove it.
      rmSync(lock, { force: true });
    }
  }
  throw new Error(`another process has ${lock}; two would each remember something else`);
}

function isRunning(pid: number): boolean {
  try {
    return Number.isSafeInteger(pid) && pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
