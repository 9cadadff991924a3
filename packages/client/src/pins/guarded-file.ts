/**
 * A document of the user's own in one file: read whole or not at all, changed under a lock, replaced as a whole. A
 * damaged file is an error and is never overwritten: guessing here would mean trusting what the user may have
 * refused.
 *
 * @module
 */
import { lstat, mkdir, readdir, readFile, realpath, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { parseDocument, type Shape, UsageError } from '@vitrine/documents';
import { atomicWrite } from './atomic-write.ts';
import { withLock } from './file-lock.ts';

const LOCK_WAIT_MS = 10_000;
const LEFTOVER_MS = 60_000;

export interface GuardedFile<T> {
  readonly file: string;
  readonly shape: Shape<T>;
  /** What it means that there is no file. */
  readonly none: T;
  /** First part of error codes, such as `pins`. */
  readonly code: string;
  /** How to call it, such as `the pins file`. */
  readonly called: string;
  /** What follows from damage, in words. */
  readonly damaged: string;
}

/**
 * Reads it; `none` where there is no file.
 *
 * @throws UsageError (`<code>.unreadable`, `<code>.damaged`).
 */
export async function readGuarded<T>({ file, shape, none, code, called, damaged }: GuardedFile<T>): Promise<T> {
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT' && !(await isLink(file))) return none;
    throw new UsageError(`${code}.unreadable`, `cannot read ${called} ${file}: ${(cause as Error).message}`, { cause });
  }
  try {
    return parseDocument(content, shape, file);
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause;
    throw new UsageError(
      `${code}.damaged`,
      `${called} is damaged, so ${damaged} and nothing was changed. Repair it or move it away.\n${cause.message}`,
      { cause },
    );
  }
}

/** A link to nowhere is a disk that is not mounted, not a user without such a file. */
function isLink(file: string): Promise<boolean> {
  return lstat(file).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );
}

/**
 * Replaces it by what `edit` makes of it, under a lock. Nothing is written where that is the same object.
 *
 * @throws UsageError as {@link readGuarded}; `<code>.unwritable`, `<code>.shape`, `lock.held`, `lock.lost`; or what
 *   `edit` throws.
 */
export async function changeGuarded<T>(guarded: GuardedFile<T>, edit: (stored: T) => T): Promise<void> {
  const { file, shape, code, called } = guarded;
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    // Beside the file itself: whoever comes through another link has to meet the same lock.
    const target = await realpath(file).catch(() => file);
    await withLock(`${target}.lock`, { waitMs: LOCK_WAIT_MS }, async (stillHeld) => {
      const stored = await readGuarded(guarded);
      const next = edit(stored);
      if (next === stored) return;
      const checked = shape.parse(next);
      if (!checked.ok)
        throw new UsageError(`${code}.shape`, `cannot change ${called}: ${checked.issues[0]?.message ?? 'malformed'}`);
      if (!(await stillHeld())) {
        throw new UsageError('lock.lost', `another process took ${target}.lock over; nothing was changed, try again`);
      }
      await removeLeftovers(target);
      await atomicWrite(file, `${JSON.stringify(next, undefined, 2)}\n`, 0o600);
    });
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code;
    if (reason === undefined || !['EACCES', 'EROFS', 'EPERM', 'ENOSPC', 'ENOTDIR'].includes(reason)) throw cause;
    throw new UsageError(
      `${code}.unwritable`,
      `cannot change ${called} ${file}: ${(cause as Error).message}; nothing was changed`,
      { cause },
    );
  }
}

/** What writers left that were killed: whoever holds the lock is the only one who writes. */
async function removeLeftovers(target: string): Promise<void> {
  const prefix = `.${basename(target)}.`;
  for (const name of await readdir(dirname(target))) {
    if (!name.startsWith(prefix) || !name.endsWith('.tmp')) continue;
    const file = join(dirname(target), name);
    const ofWriter = /^[0-9a-f]{12}\.tmp$/.test(name.slice(prefix.length));
    // Those of the lock may be in use at this moment.
    const changed = ofWriter ? 0 : ((await stat(file).catch(() => undefined))?.mtimeMs ?? Date.now());
    if (Date.now() - changed > LEFTOVER_MS) await rm(file, { force: true });
  }
}
