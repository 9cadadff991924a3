/**
 * Looks for secrets where they must not be: in text, on the disk, and in the processes of a run, their memory too.
 *
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The ways in which bytes are usually written, each half of them by itself, so that a part is found, too. */
export function formsOf(secret: Uint8Array): readonly Buffer[] {
  const raw = Buffer.from(secret);
  const middle = raw.length >> 1;
  const halves = [raw.subarray(0, middle), raw.subarray(middle)];
  // Whole groups of three bytes, so that what stands before and behind does not change the digits.
  const groups = [raw.subarray(0, middle - (middle % 3)), raw.subarray(middle + ((3 - (middle % 3)) % 3), -3)].map(
    (part) => part.subarray(0, part.length - (part.length % 3)),
  );
  const forms = [
    ...halves,
    ...halves
      .flatMap((half) => [half.toString('hex'), half.toString('hex').toUpperCase()])
      .map((one) => Buffer.from(one)),
    ...halves.map((half) => Buffer.from(Array.from(half).join(','))),
    ...groups.flatMap((group) => [Buffer.from(group.toString('base64')), Buffer.from(group.toString('base64url'))]),
  ];
  return forms.filter((form, at) => forms.findIndex((other) => other.equals(form)) === at);
}

export type Canaries = ReadonlyMap<string, readonly Buffer[]>;

/** Names of those that are in `content`. */
export function found(canaries: Canaries, content: Buffer): readonly string[] {
  return [...canaries].filter(([, forms]) => forms.some((form) => content.includes(form))).map(([name]) => name);
}

/** Ids of a process and of everything below it. */
export function processesBelow(pid: number): readonly number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // It has ended.
    }
  }
  const all = [pid];
  for (const parent of all) for (const [child, of] of parents) if (of === parent) all.push(child);
  return all;
}

export function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
}

/** Names of the canaries that are in readable memory of the process. */
export async function foundInMemory(canaries: Canaries, pid: number): Promise<readonly string[]> {
  const areas = readFileSync(`/proc/${pid}/maps`, 'latin1').matchAll(/^([0-9a-f]+)-([0-9a-f]+) r/gm);
  const ranges = Array.from(
    areas,
    ([, from = '', to = '']): Range => [Number.parseInt(from, 16), Number.parseInt(to, 16)],
  );
  return foundIn(canaries, `/proc/${pid}/mem`, ranges);
}

/** The same for a file of any size. */
export async function foundInFile(canaries: Canaries, path: string): Promise<readonly string[]> {
  return foundIn(canaries, path, [[0, (await stat(path)).size]]);
}

type Range = readonly [from: number, to: number];

const CHUNK = 4 << 20;
/** Memory and images of it are mostly zeros; what is no more than that is left out in pieces of this size. */
const PIECE = 1 << 16;
const ZEROS: Buffer = Buffer.alloc(PIECE);
/** More than any form is long, so that nothing is cut in two. */
const OVERLAP = 4096;

async function foundIn(canaries: Canaries, path: string, ranges: readonly Range[]): Promise<readonly string[]> {
  const names = new Set<string>();
  const file = await open(path, 'r');
  try {
    const chunk = Buffer.alloc(CHUNK);
    for (const [start, end] of ranges) {
      for (let at = start; at < end; at += CHUNK - OVERLAP) {
        const { bytesRead } = await file.read(chunk, 0, Math.min(CHUNK, end - at), at).catch(() => ({ bytesRead: 0 }));
        for (const part of partsOf(chunk.subarray(0, bytesRead)))
          for (const name of found(canaries, part)) names.add(name);
      }
    }
    return [...names];
  } finally {
    await file.close();
  }
}

/** Runs of pieces that are not all zeros, with what stands around them. */
function partsOf(content: Buffer): readonly Buffer[] {
  const parts: Buffer[] = [];
  let from: number | undefined;
  for (let at = 0; at < content.length; at += PIECE) {
    const piece = content.subarray(at, at + PIECE);
    if (!piece.equals(ZEROS.subarray(0, piece.length))) from ??= at;
    else if (from !== undefined) {
      parts.push(content.subarray(Math.max(0, from - OVERLAP), at + OVERLAP));
      from = undefined;
    }
  }
  return from === undefined ? parts : [...parts, content.subarray(Math.max(0, from - OVERLAP))];
}

/** Paths of all ordinary files below a directory that are there now. */
export async function filesBelow(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** `name in path` for each canary in a file below the directories. */
export async function foundOnDisk(canaries: Canaries, directories: readonly string[]): Promise<readonly string[]> {
  const hits: string[] = [];
  for (const file of (await Promise.all(directories.map(filesBelow))).flat()) {
    // What goes meanwhile is looked for where it has gone to.
    const names = await foundInFile(canaries, file).catch(() => []);
    for (const name of names) hits.push(`${name} in ${file}`);
  }
  return hits;
}
