/**
 * Where a store prepares what it will publish by a rename, and how it gets rid of what a killed run left.
 *
 * @module
 */
import { mkdir, mkdtemp, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { removeTree } from './tree-copy.ts';

const PREFIX = '.staging-';
/** No run takes this long: older ones were killed. */
const STALE_MS = 24 * 3_600_000;

/** A new directory within `store`, which is made when missing. The caller renames or removes it. */
export async function stagingDirectory(store: string): Promise<string> {
  await mkdir(store, { recursive: true, mode: 0o700 });
  const made = await mkdtemp(path.join(store, PREFIX));
  // The file system's own clock: the same that dates the others.
  const { mtimeMs: now } = await stat(made);
  for (const name of await readdir(store)) {
    if (!name.startsWith(PREFIX)) continue;
    const other = path.join(store, name);
    const found = await stat(other).catch(() => undefined);
    if (found !== undefined && now - found.mtimeMs > STALE_MS) await removeTree(other);
  }
  return made;
}
