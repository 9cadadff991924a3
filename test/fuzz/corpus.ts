/**
 * The corpus of each target in `corpus/<target>/`: small files, named by their digest, that were all
 * made by the project: seeds from the simulator, and what fuzzing made of them.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const DIRECTORY: string = join(import.meta.dirname, 'corpus');
/** Only the first are kept. */
const MAX_FILES = 40;

export function readCorpus(target: string): readonly Uint8Array[] {
  const directory = join(DIRECTORY, target);
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .sort()
    .map((name) => readFileSync(join(directory, name)));
}

/** Replaces the corpus of `target`. */
export function writeCorpus(target: string, inputs: readonly Uint8Array[]): void {
  const directory = join(DIRECTORY, target);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  for (const input of inputs.slice(0, MAX_FILES)) writeFileSync(join(directory, nameOf(input)), input);
}

/** A file name for an input. */
export function nameOf(input: Uint8Array): string {
  return createHash('sha256').update(input).digest('hex').slice(0, 16);
}
