/**
 * A lock between processes: a file beside the one that is guarded, which appears whole or not at
 * all. A lock whose owner is dead, or that is older than any honest use, is taken over; by one
 * process at a time, so that nobody can take away a lock that is newer than the one judged.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { link, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { UsageError } from '@vitrine/documents';

/** The lock is held while a small file is read and written. */
const MAX_AGE_MS = 60_000;
/** A takeover is two system calls. */
const MAX_TAKEOVER_MS = 10_000;
const RETRY_MS = 20;

export interface LockOptions {
  /** How long to wait for another process, in milliseconds. */
  readonly waitMs: number;
}

/** Whether the lock is still held: the machine may have slept while it was. */
export type StillHeld = () => Promise<boolean>;

/**
 * Runs `action` while holding `lockFile`, whose directory must exist.
 *
 * @throws UsageError with code `lock.held` when another process keeps it.
 */
export async function withLock<T>(
  lockFile: string,
  options: LockOptions,
  action: (stillHeld: StillHeld) => Promise<T>,
): Promise<T> {
  const token = `${process.pid} ${hostname()} ${randomBytes(8).toString('hex')}\n`;
  await acquire(lockFile, token, options.waitMs);
  const stillHeld = async (): Promise<boolean> => (await read(lockFile)) === token;
  try {
    return await action(stillHeld);
  } finally {
    if (await stillHeld()) await rm(lockFile, { force: true });
  }
}

async function acquire(lockFile: string, token: string, waitMs: number): Promise<void> {
  for (let waited = 0; ; waited += RETRY_MS) {
    if (await create(lockFile, token)) return;
    const gone = await removeStale(lockFile);
    // Also where it seems to have gone: what stands there may be no file that can be read.
    if (waited >= waitMs) {
      throw new UsageError(
        'lock.held',
        `${lockFile} is held by another process; if none of yours is running, remove it and try again`,
      );
    }
    if (!gone) await delay(RETRY_MS);
  }
}

/** Linking makes the lock appear with its owner in it: a crash in between leaves no nameless lock. */
async function create(lockFile: string, token: string): Promise<boolean> {
  const temporary = join(
    dirname(lockFile),
    `.${basename(lockFile)}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`,
  );
  await writeFile(temporary, token, { mode: 0o600, flag: 'wx' });
  try {
    await link(temporary, lockFile);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    // File systems without links.
    if (code === 'EPERM' || code === 'ENOTSUP' || code === 'EOPNOTSUPP' || code === 'ENOSYS') {
      return createUnlinked(lockFile, token);
    }
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function createUnlinked(lockFile: string, token: string): Promise<boolean> {
  try {
    const handle = await open(lockFile, 'wx', 0o600);
    await handle.writeFile(token);
    await handle.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Whether a stale lock was removed, or has gone by itself: then trying again is worth while. */
async function removeStale(lockFile: string): Promise<boolean> {
  const owner = await read(lockFile);
  const age = await ageOf(lockFile);
  if (owner === undefined || age === undefined) return true;
  if (age <= MAX_AGE_MS && !isDead(owner)) return false;
  const takeover = `${lockFile}.takeover`;
  if (!(await createUnlinked(takeover, `${process.pid}\n`))) {
    if (((await ageOf(takeover)) ?? 0) > MAX_TAKEOVER_MS) await rm(takeover, { force: true });
    return false;
  }
  try {
    // Whoever took over before may have made room for a new owner.
    if ((await read(lockFile)) === owner) await rm(lockFile, { force: true });
    return true;
  } finally {
    await rm(takeover, { force: true });
  }
}

function read(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined);
}

function ageOf(file: string): Promise<number | undefined> {
  return stat(file).then(
    (found) => Date.now() - found.mtimeMs,
    () => undefined,
  );
}

function isDead(owner: string): boolean {
  const [, pid, host] = /^([1-9][0-9]*)(?: (\S+) [0-9a-f]+)?\n$/.exec(owner) ?? [];
  // Another machine's or container's processes cannot be seen from here: only the age counts.
  if (pid === undefined || (host !== undefined && host !== hostname())) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
