/**
 * Makes a planned edit: backup beside the file, then replacement as a whole.
 *
 * @module
 */
import { constants, copyFile, readFile, stat } from 'node:fs/promises';
import { UsageError } from '@vitrine/documents';
import { atomicWrite } from '../pins/atomic-write.ts';
import type { EntryPlan } from './claude-desktop.ts';

/** The text of a configuration file; `undefined` if there is none. */
export async function readConfig(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new UsageError('entry.unreadable', `cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Applies `plan`.
 *
 * @param now - Names the backup.
 * @returns The backup's path; `undefined` where there was no file, or nothing to change.
 * @throws UsageError when the file is no longer what the plan was made for.
 */
export async function applyPlan(plan: EntryPlan, now: Date): Promise<string | undefined> {
  if (plan.diff.length === 0) return undefined;
  if ((await readConfig(plan.file)) !== plan.before) {
    throw new UsageError('entry.changed', `${plan.file} was changed meanwhile; nothing was written. Try again`);
  }
  if (plan.before === undefined) {
    await atomicWrite(plan.file, plan.after, 0o600);
    return undefined;
  }
  const backup = `${plan.file}.backup-${now.toISOString().replace(/[:.]/g, '-')}`;
  await copyFile(plan.file, backup, constants.COPYFILE_EXCL);
  const { mode } = await stat(plan.file);
  await atomicWrite(plan.file, plan.after, mode & 0o777);
  return backup;
}
