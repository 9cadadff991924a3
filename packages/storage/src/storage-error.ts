/**
 * What can be wrong with a sealed store, by what its owner does next, and how SQLite's own errors are
 * told apart.
 *
 * @module
 */
import { VitrineError } from '@vitrine/documents';

/**
 * - `storage.damaged`: something in the file was not written by this store, or not as it stands now.
 * - `storage.rolled-back`: the epoch that it is opened in is older than the one that it was written in.
 * - `storage.missing`: there is no store where one must be.
 * - `storage.locked`: another process has it open.
 * - `storage.full`: it cannot be written (or read) now; nothing that was acknowledged is lost, and the same
 *   call succeeds once the cause is gone.
 * - `storage.closed`: it was used after `close`.
 * - `storage.path`: what lies at its path is not a plain file of this user's alone.
 */
export type StorageErrorCode =
  | 'storage.damaged'
  | 'storage.rolled-back'
  | 'storage.missing'
  | 'storage.locked'
  | 'storage.full'
  | 'storage.closed'
  | 'storage.path';

export class StorageError extends VitrineError {
  override readonly name: string = 'StorageError';

  constructor(code: StorageErrorCode, message: string, cause?: unknown) {
    super(code, message, cause === undefined ? undefined : { cause });
  }
}

/** SQLite's primary result codes (sqlite3.h) for a file that cannot be written or read at the moment. */
const UNUSABLE_NOW: ReadonlySet<number> = new Set([
  3, // SQLITE_PERM
  8, // SQLITE_READONLY: a read-only file system, EROFS
  10, // SQLITE_IOERR: EIO, EFBIG
  13, // SQLITE_FULL: ENOSPC
  14, // SQLITE_CANTOPEN
]);
const HELD: ReadonlySet<number> = new Set([5, 6]); // SQLITE_BUSY, SQLITE_LOCKED
const OUT_OF_MEMORY = 7;

/** The error that a caller of the store sees for what SQLite threw; anything that is not SQLite's stays. */
export function fromSqlite(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  // A number in the file that does not fit what this store writes.
  if (error.code === 'ERR_OUT_OF_RANGE')
    return new StorageError('storage.damaged', 'a number in it is too large', error);
  if (error.code !== 'ERR_SQLITE_ERROR' || !('errcode' in error) || typeof error.errcode !== 'number') return error;
  const primary = error.errcode & 0xff;
  if (primary === OUT_OF_MEMORY) return error;
  const detail = `SQLite ${error.errcode}: ${error.message}`;
  if (HELD.has(primary)) {
    return new StorageError(
      'storage.locked',
      `the store is open in another process (${detail}); a store has one writer: end that process first`,
      error,
    );
  }
  if (UNUSABLE_NOW.has(primary)) {
    return new StorageError(
      'storage.full',
      `the store cannot be written now (${detail}); make room on its disk, or make it writable, and try again`,
      error,
    );
  }
  return new StorageError('storage.damaged', `the store is not as it was written (${detail})`, error);
}
