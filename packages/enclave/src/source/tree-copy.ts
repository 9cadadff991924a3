/**
 * Copies trees and takes write permission away, so that what was measured stays what runs.
 *
 * Permissions stop accidents, such as a server that writes beside its own code; they do not stop the
 * same user or root. The measurement before every start is what counts.
 *
 * @module
 */
import { chmod, copyFile, lstat, mkdir, readdir, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { type Exclude, type LinkRule, listTree } from './tree-listing.ts';

/** Copies the tree under `from` into the new directory `to`; owners, times and other mode bits are left behind. */
export async function copyTree(from: string, to: string, exclude?: Exclude): Promise<void> {
  const entries = await listTree(from, exclude);
  await mkdir(to, { recursive: true, mode: 0o700 });
  for (const entry of entries) {
    const target = path.join(to, entry.path);
    if (entry.kind === 'directory') await mkdir(target, { mode: 0o755 });
    else if (entry.kind === 'link') await symlink(entry.target, target);
    else {
      await copyFile(path.join(from, entry.path), target);
      await chmod(target, entry.executable ? 0o755 : 0o644);
    }
  }
}

/** Makes everything under `root`, and `root` itself, read-only. Executable files stay executable. */
export async function sealTree(root: string, links?: LinkRule): Promise<void> {
  for (const entry of await listTree(root, undefined, links)) {
    if (entry.kind === 'link') continue;
    const mode = entry.kind === 'directory' || entry.executable ? 0o555 : 0o444;
    await chmod(path.join(root, entry.path), mode);
  }
  await chmod(root, 0o555);
}

/** The command that removes a sealed directory, for messages. */
export function removalCommand(directory: string): string {
  return process.platform === 'win32'
    ? `rmdir /s /q "${directory}"`
    : `chmod -R u+w '${directory}' && rm -r '${directory}'`;
}

/** Removes a directory, sealed or not. */
export async function removeTree(root: string): Promise<void> {
  await unseal(root);
  await rm(root, { recursive: true, force: true });
}

async function unseal(directory: string): Promise<void> {
  const found = await lstat(directory).catch(() => undefined);
  if (found === undefined || !found.isDirectory()) return;
  await chmod(directory, 0o700);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) await unseal(path.join(directory, entry.name));
  }
}
