/**
 * A directory for sockets and mounts that nobody else can put anything into, also below `/tmp`, where
 * other users of the machine may have made one of the same name before.
 *
 * @module
 */
import { lstat, mkdir } from 'node:fs/promises';
import { UsageError } from '@vitrine/documents';

/**
 * Makes it if need be. Not for Windows, whose rights are not these.
 *
 * @throws UsageError with code `sandbox.run-directory` for anything but a directory of this user that others cannot enter.
 */
export async function ownDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const found = await lstat(directory);
  if (found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o077) === 0) return;
  throw new UsageError(
    'sandbox.run-directory',
    `${directory} must be a directory that only this user can enter (mode 0700), and is not: somebody else may have made it. Remove it and start again`,
  );
}
