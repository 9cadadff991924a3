/**
 * One process at a time, for files that are read, changed and replaced.
 *
 * What is locked is an empty SQLite file beside them, since the system gives that lock up when its process ends
 * in whatever way: no crash leaves a lock that somebody has to judge. The file stays.
 *
 * @module
 */
import { lstat } from 'node:fs/promises';
import { UsageError } from '@vitrine/documents';

const SQLITE_BUSY = 5;

/**
 * Runs `action` while no other process, and nobody else in this one, does so with `lockFile`, whose directory
 * must exist.
 *
 * @throws UsageError `file.busy` at once where somebody does; `file.unusable` for a lock that is no plain file.
 */
export async function exclusively<T>(lockFile: string, action: () => Promise<T>): Promise<T> {
  const found = await lstat(lockFile).catch(() => undefined);
  if (found !== undefined && !found.isFile()) {
    throw new UsageError('file.unusable', `${lockFile} is not an ordinary file; remove it`);
  }
  // Loaded when it is needed: Node 22 prints a warning when this module is loaded.
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
  const connection = orUnusable(lockFile, () => new DatabaseSync(lockFile, { allowExtension: false, timeout: 0 }));
  try {
    orUnusable(lockFile, () => connection.exec('BEGIN EXCLUSIVE'));
    return await action();
  } finally {
    connection.close();
  }
}

function orUnusable<T>(lockFile: string, use: () => T): T {
  try {
    return use();
  } catch (cause) {
    if (cause instanceof Error && 'errcode' in cause && (Number(cause.errcode) & 0xff) === SQLITE_BUSY) {
      throw new UsageError('file.busy', `another process changes what ${lockFile} guards; try again when it is done`, {
        cause,
      });
    }
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError('file.unusable', `${lockFile} cannot be locked (${why}); name a directory to write in`, {
      cause,
    });
  }
}
