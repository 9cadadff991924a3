/**
 * Makes a planned edit: backup beside the file, then replacement as a whole.
 *
 * @module
 */
import { constants, copyFile, lstat, readFile, stat } from 'node:fs/promises';
import { UsageError } from '@vitrine/documents';
import { atomicWrite } from '../pins/atomic-write.ts';
import type { EntryPlan } from './entry-plan.ts';

/**
 * The text of a configuration file, with its byte order mark if it has one; `undefined` if there is no file.
 *
 * @throws UsageError for a file that cannot be read or is not UTF-8: written back, it would be damaged.
 */
export async function readConfig(file: string): Promise<string | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new UsageError('entry.unreadable', `cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new UsageError('entry.encoding', `${file} is not UTF-8 text; nothing was changed`, { cause });
  }
}

/**
 * Applies `plan`.
 *
 * @param now - Names the backup.
 * @returns The backup's path; `undefined` where there was no file, or nothing to change.
 * @throws UsageError when the file is no longer what the plan was made for, or must not be written.
 */
export async function applyPlan(plan: EntryPlan, now: Date): Promise<string | undefined> {
  if (plan.change === 'none') return undefined;
  if ((await readConfig(plan.file)) !== plan.before) {
    throw new UsageError('entry.changed', `${plan.file} was changed meanwhile; nothing was written. Try again`);
  }
  if (plan.before === undefined) {
    await requireNoDanglingLink(plan.file);
    await write(plan, 0o600);
    return undefined;
  }
  const { mode } = await stat(plan.file);
  // A replacement would need no permission on the file itself; whoever set it read-only meant it.
  if ((mode & 0o200) === 0) {
    throw new UsageError('entry.read-only', `${plan.file} is read-only; nothing was written`);
  }
  const backup = `${plan.file}.backup-${now.toISOString().replace(/[:.]/g, '-')}`;
  try {
    await copyFile(plan.file, backup, constants.COPYFILE_EXCL);
  } catch (cause) {
    throw new UsageError(
      'entry.backup',
      `cannot keep a copy of ${plan.file}: ${(cause as Error).message}; nothing was written`,
      { cause },
    );
  }
  await write(plan, mode & 0o777);
  return backup;
}

async function write({ file, after }: EntryPlan, mode: number): Promise<void> {
  try {
    await atomicWrite(file, after, mode);
  } catch (cause) {
    throw new UsageError('entry.unwritable', `cannot write ${file}: ${(cause as Error).message}`, { cause });
  }
}

/** A link whose target is missing would be replaced by a file, behind the back of whoever made the link. */
async function requireNoDanglingLink(file: string): Promise<void> {
  const link = await lstat(file).catch(() => undefined);
  if (link === undefined) return;
  throw new UsageError(
    'entry.link',
    `${file} is a symbolic link to something that does not exist; nothing was written`,
  );
}
