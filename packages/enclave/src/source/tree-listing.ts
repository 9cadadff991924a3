/**
 * Lists a directory tree so that it can be measured or copied: every entry, in one fixed order, and a
 * refusal of everything whose meaning does not lie within the tree.
 *
 * Symbolic links are listed and never followed. Reads metadata only; contents are the business of
 * `tree-digest.ts` and `tree-copy.ts`.
 *
 * @module
 */
import { lstat, readdir, readlink } from 'node:fs/promises';
import path from 'node:path';
import { UsageError } from '@vitrine/documents';

/** One entry. `path` is relative to the root, with `/` between names. */
export type TreeEntry =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'file'; readonly path: string; readonly executable: boolean }
  | { readonly kind: 'link'; readonly path: string; readonly target: string };

/** Whether to leave out the entry at `path` with all below it. */
export type Exclude = (path: string) => boolean;

/** `any` is for a tree that becomes the root of a file system, out of which no link can lead. */
export type LinkRule = 'inside' | 'any';

/**
 * Lists the tree under `root`, without `root` itself, sorted by the bytes of the paths.
 *
 * @throws UsageError with code `tree.entry` for sockets, devices, FIFOs, names that are not UTF-8,
 *   and symbolic links that could lead out of the tree.
 */
export async function listTree(
  root: string,
  exclude: Exclude = () => false,
  links: LinkRule = 'inside',
): Promise<readonly TreeEntry[]> {
  const entries: TreeEntry[] = [];
  const pending: string[] = [''];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    for (const name of await readdir(path.join(root, directory), { encoding: 'buffer' })) {
      const relative = directory === '' ? decode(name, root) : `${directory}/${decode(name, root)}`;
      if (exclude(relative)) continue;
      const entry = await readEntry(root, relative, links);
      entries.push(entry);
      if (entry.kind === 'directory') pending.push(relative);
    }
  }
  return entries
    .map((entry) => ({ entry, key: Buffer.from(entry.path) }))
    .sort((left, right) => Buffer.compare(left.key, right.key))
    .map(({ entry }) => entry);
}

async function readEntry(root: string, relative: string, links: LinkRule): Promise<TreeEntry> {
  const absolute = path.join(root, relative);
  const found = await lstat(absolute);
  if (found.isDirectory()) return { kind: 'directory', path: relative };
  if (found.isFile()) return { kind: 'file', path: relative, executable: isExecutable(found.mode) };
  if (found.isSymbolicLink()) {
    const target = decode(await readlink(absolute, { encoding: 'buffer' }), absolute).replaceAll(path.sep, '/');
    if (links === 'inside' && !staysInside(relative, target)) {
      throw refused(absolute, `is a symbolic link to ${JSON.stringify(target)}, which may lead out of the tree`);
    }
    return { kind: 'link', path: relative, target };
  }
  throw refused(absolute, 'is a socket, device or FIFO');
}

/** Windows has no such bit; there no file is executable in this sense. */
function isExecutable(mode: number): boolean {
  return process.platform !== 'win32' && (mode & 0o100) !== 0;
}

/**
 * A link stays inside when its target goes up first, no further than the root, and then only down.
 * Going up after going down could climb from wherever another link had led to.
 */
function staysInside(relative: string, target: string): boolean {
  if (target === '' || path.posix.isAbsolute(target) || /^[A-Za-z]:/.test(target)) return false;
  const steps = target.split('/').filter((step) => step !== '' && step !== '.');
  const up = steps.findIndex((step) => step !== '..');
  const climbs = up === -1 ? steps.length : up;
  const depth = relative.split('/').length - 1;
  return climbs <= depth && !steps.slice(climbs).includes('..');
}

function decode(bytes: Buffer, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw refused(where, `has or contains a name that is not UTF-8 (bytes ${bytes.toString('hex')})`, cause);
  }
}

function refused(where: string, why: string, cause?: unknown): UsageError {
  return new UsageError(
    'tree.entry',
    `${where} ${why}; such an entry cannot be measured. Remove it from the tree`,
    cause === undefined ? undefined : { cause },
  );
}
