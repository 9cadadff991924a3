/**
 * The files of a store on disk, judged before SQLite opens them: plain files of this user, reached by no link.
 *
 * A link, a FIFO or a device put in place of one of them could lead writes elsewhere, or make opening wait for
 * ever. Files that exist are never opened here: closing a descriptor of a file gives up the locks that this
 * process holds on it, and the lock is what keeps a second writer out.
 *
 * @module
 */
import { closeSync, fsyncSync, lstatSync, mkdirSync, openSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { StorageError } from './storage-error.ts';

/** Files that SQLite may keep beside the database. */
const COMPANIONS = ['-wal', '-shm', '-journal'] as const;
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
const WRITABLE_BY_OTHERS = 0o022;

/**
 * Makes the file where there is none and `create` is set.
 *
 * @throws StorageError `storage.path`, `storage.missing`, or `storage.full`.
 */
export function prepareFiles(file: string, create: boolean): void {
  const directory = dirname(file);
  if (create) attempt('the directory of the store cannot be made', () => makeDirectory(directory));
  checkDirectory(directory, file);
  for (const companion of COMPANIONS) checkFile(`${file}${companion}`);
  if (checkFile(file)) return;
  if (!create) throw missing(file);
  attempt('the store cannot be made', () => makeFile(file, directory));
}

export function missing(file: string): StorageError {
  return new StorageError(
    'storage.missing',
    `no store at ${file}; it was moved or removed, or was never made. Bring it back; a new, empty one is made only when that is asked for`,
  );
}

function makeDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: DIRECTORY_MODE });
}

function makeFile(file: string, directory: string): void {
  try {
    // Exclusive creation follows no link.
    closeSync(openSync(file, 'wx', FILE_MODE));
  } catch (error) {
    if (errorCode(error) === 'EEXIST' && checkFile(file)) return;
    throw error;
  }
  // Windows cannot open a directory.
  if (process.platform === 'win32') return;
  const handle = openSync(directory, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function checkDirectory(directory: string, file: string): void {
  let stats: Stats;
  try {
    stats = statSync(directory);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw missing(file);
    throw refusal(directory, 'cannot be looked at', error);
  }
  if (!stats.isDirectory()) throw refusal(directory, 'is not a directory');
  checkOwner(directory, stats);
  if (process.platform !== 'win32' && (stats.mode & WRITABLE_BY_OTHERS) !== 0) {
    throw refusal(directory, 'can be written by others (make its mode 0700)');
  }
}

/** Whether there is such a file. */
function checkFile(file: string): boolean {
  let stats: Stats;
  try {
    stats = lstatSync(file);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw refusal(file, 'cannot be looked at', error);
  }
  if (stats.isSymbolicLink()) throw refusal(file, 'is a symbolic link');
  if (!stats.isFile()) throw refusal(file, 'is not a plain file');
  if (stats.nlink > 1) throw refusal(file, `has ${stats.nlink} names (hard links)`);
  checkOwner(file, stats);
  return true;
}

function checkOwner(path: string, { uid }: Stats): void {
  const own = process.getuid?.();
  if (own !== undefined && uid !== own) throw refusal(path, `belongs to user ${uid}, not to ${own}`);
}

function refusal(path: string, why: string, cause?: unknown): StorageError {
  return new StorageError('storage.path', `${path} ${why}; a store lies in plain files of its user alone`, cause);
}

function attempt(what: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (error instanceof StorageError) throw error;
    const code = errorCode(error);
    if (code === undefined) throw error;
    throw new StorageError(
      code === 'ENOTDIR' || code === 'EEXIST' || code === 'ELOOP' ? 'storage.path' : 'storage.full',
      `${what} (${code}); give a directory that this user can write`,
      error,
    );
  }
}

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
