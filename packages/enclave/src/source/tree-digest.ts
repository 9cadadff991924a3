/**
 * The tree digest: SHA-384 of everything in a directory tree that decides what code runs.
 *
 * Format, version 1 (`‖` is concatenation; LP(x) is the length of x as an unsigned big-endian 32-bit
 * number, then x; all text is UTF-8):
 *
 *     digest = SHA-384( LP("vitrine/tree/v1") ‖ entry ‖ entry ‖ … )
 *     entry  = "d" ‖ LP(path)                                  directory
 *            | "f" ‖ LP(path) ‖ u64be(size) ‖ content           file
 *            | "x" ‖ LP(path) ‖ u64be(size) ‖ content           file that its owner may execute
 *            | "l" ‖ LP(path) ‖ LP(target)                     symbolic link, not followed
 *
 * Entries are sorted by the bytes of their paths, which are relative to the root and use `/`. The root
 * itself, owners, times and other mode bits are not part of it. What is refused: `tree-listing.ts`.
 * Test vector: `tree-digest.test.ts`.
 *
 * @module
 */
import { createHash, type Hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { UsageError } from '@vitrine/documents';
import { type Exclude, type LinkRule, listTree, type TreeEntry } from './tree-listing.ts';

const DOMAIN = 'vitrine/tree/v1';
const CHUNK_BYTES = 1 << 18;
/** Reading is synchronous, which is several times faster for small files; this often others get a turn. */
const FILES_PER_TURN = 64;

/**
 * Digest of the tree under `root`, 96 lower-case hexadecimal digits.
 *
 * @throws UsageError (`tree.entry`) for what cannot be measured, or that changes while it is read.
 */
export async function treeDigest(root: string, exclude?: Exclude, links?: LinkRule): Promise<string> {
  const entries = await listTree(root, exclude, links);
  const hash = createHash('sha384');
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  addText(hash, DOMAIN);
  for (const [index, entry] of entries.entries()) {
    addEntry(hash, root, entry, chunk);
    if (index % FILES_PER_TURN === 0) await setImmediate();
  }
  return hash.digest('hex');
}

function addEntry(hash: Hash, root: string, entry: TreeEntry, chunk: Buffer): void {
  switch (entry.kind) {
    case 'directory':
      hash.update('d');
      addText(hash, entry.path);
      return;
    case 'link':
      hash.update('l');
      addText(hash, entry.path);
      addText(hash, entry.target);
      return;
    case 'file':
      hash.update(entry.executable ? 'x' : 'f');
      addText(hash, entry.path);
      addContent(hash, path.join(root, entry.path), chunk);
      return;
  }
}

function addText(hash: Hash, text: string): void {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  hash.update(length).update(bytes);
}

function addContent(hash: Hash, file: string, chunk: Buffer): void {
  // A link put here after the listing must not be followed, and a FIFO must not block.
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
  const descriptor = openSync(file, flags);
  try {
    const found = fstatSync(descriptor);
    if (!found.isFile()) throw changed(file);
    const size = Buffer.alloc(8);
    size.writeBigUInt64BE(BigInt(found.size));
    hash.update(size);
    let total = 0;
    for (;;) {
      const read = readSync(descriptor, chunk, 0, chunk.length, null);
      if (read === 0) break;
      hash.update(chunk.subarray(0, read));
      total += read;
    }
    if (total !== found.size) throw changed(file);
  } finally {
    closeSync(descriptor);
  }
}

function changed(file: string): UsageError {
  return new UsageError('tree.entry', `${file} changed while it was measured; start again when nothing writes to it`);
}
