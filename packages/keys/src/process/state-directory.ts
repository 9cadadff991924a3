/**
 * The directory that the key service keeps its state in, prepared by whoever starts it.
 *
 * @module
 */
import { lchown, lstat, mkdir, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '@vitrine/documents';

export interface User {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Makes the directory where it is not there, readable for nobody else.
 *
 * @param owner - Whom it is given to, with all that is in it; absent: it stays with who made it.
 * @returns its path without symbolic links.
 * @throws UsageError (`keys.directory`) for something else under that name.
 */
export async function prepareDirectory(directory: string, owner: User | undefined): Promise<string> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const real = await realpath(directory);
  if (owner !== undefined) await give(real, owner);
  return real;
}

/** What is neither a directory nor a file under one name only was not made by the key service. */
async function give(path: string, owner: User): Promise<void> {
  const entry = await lstat(path);
  if (!entry.isDirectory() && !(entry.isFile() && entry.nlink === 1)) {
    throw new UsageError(
      'keys.directory',
      `${path} is in the directory of the key service, but is no file or directory of its own; move it away`,
    );
  }
  if (entry.isDirectory()) await Promise.all((await readdir(path)).map((name) => give(join(path, name), owner)));
  if (entry.uid !== owner.uid || entry.gid !== owner.gid) await lchown(path, owner.uid, owner.gid);
}
