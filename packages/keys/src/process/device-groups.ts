/**
 * The groups by which devices are to be opened that belong to another user, such as a TPM that belongs to `tss`.
 * Root opens them otherwise by a capability that the key service does not have.
 *
 * @module
 */
import { stat } from 'node:fs/promises';

const READ_AND_WRITE = 0o060;

/** Groups other than root's that may read and write one of `paths`, each once. */
export async function deviceGroups(paths: readonly string[]): Promise<readonly number[]> {
  const groups = await Promise.all(
    paths.map(async (path) => {
      // One that has gone is told of by whoever opens it.
      const { uid, gid, mode } = await stat(path).catch(() => ({ uid: 0, gid: 0, mode: 0 }));
      return uid !== 0 && gid !== 0 && (mode & READ_AND_WRITE) === READ_AND_WRITE ? [gid] : [];
    }),
  );
  return [...new Set(groups.flat())];
}
