/**
 * A lock between processes: a file beside the one that is guarded, created exclusively. A lock
 * whose owner is dead, or that is older than any honest use, is taken over.
 *
 * @module
 */
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { UsageError } from '@vitrine/documents';

/** The lock is held while a small file is read and written. */
const MAX_AGE_MS = 60_000;
const RETRY_MS = 20;

export interface LockOptions {
  /** How long to wait for another process, in milliseconds. */
  readonly waitMs: number;
}

/**
 * Runs `action` while holding `lockFile`, whose directory must exist.
 *
 * @throws UsageError with code `lock.held` when another process keeps it.
 */
export async function withLock<T>(lockFile: string, options: LockOptions, action: () => Promise<T>): Promise<T> {
  await acquire(lockFile, options.waitMs);
  try {
    return await action();
  } finally {
    await rm(lockFile, { force: true });
  }
}

async function acquire(lockFile: string, waitMs: number): Promise<void> {
  for (let waited = 0; ; waited += RETRY_MS) {
    if (await create(lockFile)) return;
    if (await removeStale(lockFile)) continue;
    if (waited >= waitMs) {
      throw new UsageError(
        'lock.held',
        `${lockFile} is held by another process; if none of yours is running, remove it and try again`,
      );
    }
    await delay(RETRY_MS);
  }
}

async function create(lockFile: string): Promise<boolean> {
  try {
    const handle = await open(lockFile, 'wx', 0o600);
    await handle.writeFile(`${process.pid}\n`);
    await handle.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Whether a stale lock was removed, or has gone by itself: then trying again is worth while. */
async function removeStale(lockFile: string): Promise<boolean> {
  const owner = await readFile(lockFile, 'utf8').catch(() => undefined);
  const age = await stat(lockFile).then(
    (found) => Date.now() - found.mtimeMs,
    () => undefined,
  );
  if (owner === undefined || age === undefined) return true;
  if (age <= MAX_AGE_MS && !isDead(owner)) return false;
  // Two processes may judge the same lock: the rename lets only one of them remove it. Should it
  // have been replaced in between, the other's lock is put back.
  const aside = `${lockFile}.${process.pid}`;
  try {
    await rename(lockFile, aside);
  } catch {
    return true;
  }
  const taken = await readFile(aside, 'utf8').catch(() => owner);
  if (taken !== owner) {
    await rename(aside, lockFile);
    return false;
  }
  await rm(aside, { force: true });
  return true;
}

function isDead(owner: string): boolean {
  // Just created and not yet written: its owner is alive.
  if (!/^[1-9][0-9]*\n$/.test(owner)) return false;
  try {
    process.kill(Number(owner), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
