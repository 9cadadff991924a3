/**
 * Finds the file that starts a server within a measured tree, and how to start it.
 *
 * @module
 */
import { closeSync, openSync, readFileSync, readSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { nearest, UsageError } from '@vitrine/documents';
import { isExecutableFile } from './find-executable.ts';

/** What `package.json` says about starting the package. Foreign: read leniently, used checked. */
interface PackageFile {
  readonly name?: unknown;
  readonly bin?: unknown;
  readonly main?: unknown;
}

export interface EntryLaunch {
  readonly command: string;
  /** Before the server's own arguments. */
  readonly args: readonly string[];
}

const NODE_FILE = /\.(?:js|mjs|cjs|ts|mts|cts)$/;
const NODE_SHEBANG = /^#![^\n]*\bnode\b/;

/**
 * The binary that starts the package in `directory`, relative to it.
 *
 * @param wanted - The binary's name, where the user gave one.
 * @param what - How to call the package in errors.
 * @throws UsageError with code `source.binary`.
 */
export function packageBinary(directory: string, wanted: string | undefined, what: string): string {
  const binaries = readBinaries(directory, what);
  const names = [...binaries.keys()];
  if (wanted !== undefined) {
    const chosen = binaries.get(wanted);
    if (chosen !== undefined) return chosen;
    const hint = nearest(wanted, names);
    throw noBinary(
      `${what} has no binary ${JSON.stringify(wanted)}; it has ${showNames(names)}${hint === undefined ? '' : `; did you mean ${JSON.stringify(hint)}?`}`,
    );
  }
  const files = new Set(binaries.values());
  const only = [...files][0];
  if (only === undefined) {
    throw noBinary(
      `${what} has no binary, so there is nothing to start. Is it the server's package, and not a library?`,
    );
  }
  if (files.size > 1) {
    throw noBinary(
      `${what} has several binaries: ${showNames(names)}. Choose one with --bin NAME, or "bin" in vitrine.yaml`,
    );
  }
  return only;
}

/**
 * The entry of a directory: as the user named it, else the package's only binary, else its `main`.
 *
 * @throws UsageError with code `source.entry` or `source.binary`.
 */
export function directoryEntry(directory: string, wanted: string | undefined, what: string): string {
  if (wanted !== undefined) return wanted;
  const file = readPackageFile(directory);
  if (file?.bin !== undefined) return packageBinary(directory, undefined, what);
  if (typeof file?.main === 'string') return file.main;
  throw new UsageError(
    'source.entry',
    `${what} does not say what to start: name the file with --entry FILE or "entry" in vitrine.yaml, or give it a package.json with "bin" or "main"`,
  );
}

/** `entry` as a path relative to `root`, with `/`; it must be a file within `root`. */
export function entryWithin(root: string, directory: string, entry: string, what: string): string {
  const absolute = path.resolve(root, directory, entry);
  const relative = path.relative(root, absolute);
  const leaves = relative === '' || relative.startsWith('..') || path.isAbsolute(relative);
  if (leaves || path.isAbsolute(entry)) {
    throw new UsageError('source.entry', `${what}: the entry ${JSON.stringify(entry)} is not inside the measured tree`);
  }
  const found = statSync(absolute, { throwIfNoEntry: false });
  if (found === undefined || !found.isFile()) {
    throw new UsageError('source.entry', `${what}: the entry ${JSON.stringify(entry)} is not a file there`);
  }
  const real = path.relative(realpathSync(root), realpathSync(absolute));
  return real.split(path.sep).join('/');
}

/** Starts JavaScript and TypeScript with this Node; everything else must be executable by itself. */
export function entryLaunch(root: string, entry: string): EntryLaunch {
  const file = path.join(root, ...entry.split('/'));
  if (NODE_FILE.test(entry) || NODE_SHEBANG.test(firstBytes(file))) return { command: process.execPath, args: [file] };
  if (isExecutableFile(file)) return { command: file, args: [] };
  throw new UsageError(
    'source.entry',
    `${JSON.stringify(entry)} is neither JavaScript or TypeScript (.js, .mjs, .cjs, .ts, or a first line that names node) nor executable`,
  );
}

function readBinaries(directory: string, what: string): ReadonlyMap<string, string> {
  const file = readPackageFile(directory);
  if (file === undefined) throw noBinary(`${what} has no readable package.json`);
  if (typeof file.bin === 'string') return new Map([[unscoped(file.name), file.bin]]);
  if (typeof file.bin !== 'object' || file.bin === null) return new Map();
  return new Map(Object.entries(file.bin).filter((pair): pair is [string, string] => typeof pair[1] === 'string'));
}

function readPackageFile(directory: string): PackageFile | undefined {
  try {
    const parsed: unknown = JSON.parse(readFileSync(path.join(directory, 'package.json'), 'utf8'));
    return typeof parsed === 'object' && parsed !== null ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function unscoped(name: unknown): string {
  return typeof name === 'string' ? (name.split('/').at(-1) ?? name) : '';
}

function firstBytes(file: string): string {
  const descriptor = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(128);
    return bytes.toString('latin1', 0, readSync(descriptor, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(descriptor);
  }
}

function showNames(names: readonly string[]): string {
  return names.length === 0 ? 'none' : [...names].sort().join(', ');
}

function noBinary(message: string): UsageError {
  return new UsageError('source.binary', message);
}
