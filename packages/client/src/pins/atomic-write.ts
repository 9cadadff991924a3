/**
 * Replaces a file as a whole: a reader, or a crash, sees the old text or the new one, never a part.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { mkdir, open, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/**
 * Writes `text` to `file` with exactly `mode`, whatever the umask.
 *
 * @param links - A symbolic link stays one, as people who keep their settings elsewhere expect. With
 *   `replace-link` it does not: in a folder of many users, somebody else may have put it there.
 */
export async function atomicWrite(
  file: string,
  text: string,
  mode: number,
  links: 'keep-link' | 'replace-link' = 'keep-link',
): Promise<void> {
  const target = links === 'replace-link' ? file : await realpath(file).catch(() => file);
  const directory = dirname(target);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const temporary = join(directory, `.${basename(target)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      await handle.chmod(mode);
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(directory);
}

/** Makes the new name durable. Not every platform can open a directory; there the rename must do. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}
