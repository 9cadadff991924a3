/**
 * Servers that are modules: finds the module within its measured tree, and how the harness starts it.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { UsageError } from '@vitrine/documents';
import type { EntryLaunch } from './entry.ts';

/** `.ts` from source, `.js` when packed. */
const EXTENSION: string = path.extname(fileURLToPath(import.meta.url));
const HARNESS: string = path.join(import.meta.dirname, '..', 'harness', `stdio-harness${EXTENSION}`);

/** The client of the key service, and the folder of its parts: what the harness gives to the factory. */
const KEY_CLIENT: string = fileURLToPath(import.meta.resolve('@vitrine/keys/server'));
/** All of Vitrine's own files that such a server reads. */
export const MODULE_RUNTIME: readonly string[] = [HARNESS, KEY_CLIENT, path.join(path.dirname(KEY_CLIENT), 'server')];

/** The module of a folder: as the user named it, else what its package.json calls `main`. @throws UsageError (`source.entry`). */
export function folderModule(directory: string, wanted: string | undefined, what: string): string {
  if (wanted !== undefined) return wanted;
  try {
    const parsed: unknown = JSON.parse(readFileSync(path.join(directory, 'package.json'), 'utf8'));
    if (typeof parsed === 'object' && parsed !== null && 'main' in parsed && typeof parsed.main === 'string') {
      return parsed.main;
    }
  } catch {
    // Without a readable package.json nothing is said.
  }
  throw new UsageError(
    'source.entry',
    `${what} does not say which module: name the file itself, or with --entry FILE or "entry" in vitrine.yaml, or give it a package.json with "main"`,
  );
}

function sdkOf(file: string): string | undefined {
  try {
    return findPackageJSON('@modelcontextprotocol/server', pathToFileURL(file));
  } catch {
    // What is not found is thrown.
    return undefined;
  }
}

/** @throws UsageError (`source.module`) where the module's folder has no SDK, which the harness takes from there. */
export function moduleLaunch(root: string, entry: string, what: string): EntryLaunch {
  const file = path.join(root, ...entry.split('/'));
  const sdk = sdkOf(file);
  const isInside = sdk !== undefined && !path.relative(root, sdk).startsWith('..');
  if (!isInside) {
    throw new UsageError(
      'source.module',
      `${what}: @modelcontextprotocol/server is not installed in that folder; run npm install there, since what the module imports is measured with it`,
    );
  }
  return { command: process.execPath, args: [HARNESS, file, KEY_CLIENT] };
}
