/**
 * Servers from a directory on this machine. They run from a private, read-only copy that is measured after
 * it was made, so that editing the directory changes neither what runs nor what was attested.
 *
 * Left out of the copy, and therefore not there at run time: `.git` at the top, and `node_modules/.cache`
 * at any depth. Everything else is copied and measured, `node_modules` included.
 *
 * @module
 */
import { mkdir, realpath, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { UsageError } from '@vitrine/documents';
import { LockMismatchError } from '../errors.ts';
import { stagingDirectory } from './staging.ts';
import { copyTree, removalCommand, removeTree, sealTree } from './tree-copy.ts';
import { treeDigest } from './tree-digest.ts';

/** A directory's private copy, just measured. */
export interface MeasuredCopy {
  readonly directory: string;
  readonly tree: string;
}

const CACHE = /(?:^|\/)node_modules\/\.cache$/;

/** Whether `relative` is left out of copies. */
function isLeftOut(relative: string): boolean {
  return relative === '.git' || CACHE.test(relative);
}

/**
 * Copies and measures `directory`. An equal copy that is already in `store` is measured again and used.
 *
 * @throws UsageError (`source.path`, `tree.entry`); LockMismatchError (`store.changed`).
 */
export async function measuredCopy(
  directory: string,
  store: string,
  onProgress: (text: string) => void,
): Promise<MeasuredCopy> {
  const found = await stat(directory).catch(() => undefined);
  if (found === undefined || !found.isDirectory()) {
    throw new UsageError(
      'source.path',
      `${directory} is not a directory; path: names the directory that holds the server`,
    );
  }
  await mkdir(store, { recursive: true, mode: 0o700 });
  const source = await realpath(directory);
  const inside = path.relative(source, await realpath(store));
  if (inside === '' || (!inside.startsWith('..') && !path.isAbsolute(inside))) {
    throw new UsageError(
      'source.path',
      `${directory} contains Vitrine's own state directory ${store}; choose a smaller directory`,
    );
  }
  onProgress(`copying and measuring ${directory}`);
  const temporary = await stagingDirectory(store);
  try {
    const copy = path.join(temporary, 'tree');
    await copyTree(source, copy, isLeftOut);
    await sealTree(copy);
    const tree = await treeDigest(copy);
    const place = path.join(store, tree.slice(0, 32));
    const used = path.join(place, 'tree');
    try {
      await rename(temporary, place);
    } catch (cause) {
      if ((await stat(used).catch(() => undefined)) === undefined) throw cause;
      const present = await treeDigest(used);
      if (present !== tree) {
        throw new LockMismatchError(
          'store.changed',
          `the private copy ${place} was changed after it was made: expected tree digest ${tree}, found ${present}. ` +
            `To make it again, first remove it: ${removalCommand(place)}`,
        );
      }
    }
    return { directory: used, tree };
  } finally {
    await removeTree(temporary);
  }
}
