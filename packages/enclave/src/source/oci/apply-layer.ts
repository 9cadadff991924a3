/**
 * Puts one layer of a container image over what earlier layers left.
 *
 * Names are judged before anything is touched: none leads out of the root, and none goes through a symbolic
 * link, which is never followed here. Owners, times, set-user-id bits and device nodes are left behind.
 *
 * Specification: OCI image specification 1.1, "Applying Changesets" and "Whiteouts".
 *
 * @module
 */
import { link, lstat, mkdir, open, readdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { UsageError } from '@vitrine/documents';
import { removeTree } from '../tree-copy.ts';
import type { TarEntry } from './tar-reader.ts';

/** What all layers of an image may come to. */
export interface ImageBudget {
  entries: number;
  bytes: number;
}

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';
const MAX_NAME = 4096;
const MAX_DEPTH = 128;

/**
 * @param what - How to call the layer in errors.
 * @throws UsageError with code `source.image`.
 */
export async function applyLayer(
  root: string,
  entries: AsyncIterable<TarEntry>,
  budget: ImageBudget,
  what: string,
): Promise<void> {
  /** What this layer itself made, which its own whiteouts do not hide. */
  const made = new Set<string>();
  for await (const entry of entries) {
    budget.entries -= 1;
    budget.bytes -= entry.size;
    if (budget.entries < 0 || budget.bytes < 0) throw refused(what, 'holds more than an image may');
    const steps = stepsOf(entry.name, what);
    const name = steps.at(-1);
    // The root itself.
    if (name === undefined) continue;
    const parent = await directoryAt(root, steps.slice(0, -1), what);
    for (let depth = 1; depth < steps.length; depth += 1) {
      const above = steps.slice(0, depth).join('/');
      // Folders that no entry of their own makes count too.
      if (!made.has(above)) budget.entries -= 1;
      made.add(above);
    }
    if (name === OPAQUE) await clear(parent, steps.slice(0, -1), made);
    else if (name.startsWith(WHITEOUT)) await hide(parent, steps, name.slice(WHITEOUT.length), made, what);
    else if (entry.kind !== 'device') {
      await put(root, path.join(parent, name), entry, what);
      made.add(steps.join('/'));
    }
  }
}

/** The names of a path, without `.`; a path that goes up or is not sane is refused. */
function stepsOf(name: string, what: string): readonly string[] {
  const steps = name.split('/').filter((step) => step !== '' && step !== '.');
  const isSane = name.length <= MAX_NAME && steps.length <= MAX_DEPTH && !name.includes('\0') && !steps.includes('..');
  if (!isSane) throw refused(what, `has the entry ${JSON.stringify(name.slice(0, 100))}, which leads out of the image`);
  return steps;
}

/** The directory at `steps`, made where it is missing. */
export async function directoryAt(root: string, steps: readonly string[], what: string): Promise<string> {
  let place = root;
  for (const step of steps) {
    place = path.join(place, step);
    const found = await lstat(place).catch(() => undefined);
    if (found === undefined) await mkdir(place, { mode: 0o755 });
    else if (!found.isDirectory()) {
      throw refused(
        what,
        `has an entry below ${JSON.stringify(step)}, which is ${found.isSymbolicLink() ? 'a symbolic link' : 'no directory'}`,
      );
    }
  }
  return place;
}

async function put(root: string, place: string, entry: TarEntry, what: string): Promise<void> {
  const found = await lstat(place).catch(() => undefined);
  if (entry.kind === 'directory') {
    if (found?.isDirectory() === true) return;
    if (found !== undefined) await removeTree(place);
    await mkdir(place, { mode: 0o755 });
    return;
  }
  if (entry.kind === 'hard-link') {
    const target = await hardLinkTarget(root, entry.target, what);
    if (target === place) return;
    if (found !== undefined) await removeTree(place);
    await link(target, place);
    return;
  }
  // Made anew, so that another name of the same file keeps its content.
  if (found !== undefined) await removeTree(place);
  if (entry.kind === 'link') {
    if (entry.target === '' || entry.target.includes('\0')) throw refused(what, 'has a symbolic link to nothing');
    await symlink(entry.target, place);
    return;
  }
  const file = await open(place, 'wx', entry.executable ? 0o755 : 0o644);
  try {
    for await (const chunk of entry.content) await file.writeFile(chunk);
  } finally {
    await file.close();
  }
}

async function hardLinkTarget(root: string, written: string, what: string): Promise<string> {
  const steps = stepsOf(written, what);
  let place = root;
  for (const [index, step] of steps.entries()) {
    place = path.join(place, step);
    const found = await lstat(place).catch(() => undefined);
    const fits = index === steps.length - 1 ? found?.isFile() : found?.isDirectory();
    if (fits !== true)
      throw refused(what, `has a hard link to ${JSON.stringify(written.slice(0, 100))}, which is no file there`);
  }
  if (steps.length === 0) throw refused(what, 'has a hard link to the root');
  return place;
}

async function hide(
  parent: string,
  steps: readonly string[],
  hidden: string,
  made: ReadonlySet<string>,
  what: string,
): Promise<void> {
  if (hidden === '' || hidden === '.' || hidden === '..') throw refused(what, 'has a whiteout of nothing');
  if (made.has([...steps.slice(0, -1), hidden].join('/'))) return;
  await removeTree(path.join(parent, hidden));
}

async function clear(directory: string, steps: readonly string[], made: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(directory)) {
    const inside = [...steps, name];
    const place = path.join(directory, name);
    if (!made.has(inside.join('/'))) await removeTree(place);
    else if ((await lstat(place)).isDirectory()) await clear(place, inside, made);
  }
}

function refused(what: string, why: string): UsageError {
  return new UsageError('source.image', `${what} ${why}`);
}
