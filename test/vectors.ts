/**
 * Where the shared real evidence is, which is not part of this repository: genuine quotes, reports
 * and endorsements with their expected outcomes.
 *
 * `VITRINE_VECTORS` names the directory; without it, `../shared/vectors` beside the checkout is used
 * where it exists. Tests that need it are skipped elsewhere, with the reason in their name.
 *
 * @module
 */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const BESIDE_CHECKOUT = join(import.meta.dirname, '..', '..', 'shared', 'vectors');
/** Present in every copy of the vectors; also what makes a directory one of them. */
const INDEX = 'EXPECTED.json';

/**
 * The directory of the vectors, or `undefined` where there is none.
 *
 * @throws Error when `VITRINE_VECTORS` is set and cannot be read: a test run that was told where
 *   the vectors are must not pass without them.
 */
export function vectorsDirectory(): string | undefined {
  const named = process.env['VITRINE_VECTORS'];
  if (named === undefined) return existsSync(join(BESIDE_CHECKOUT, INDEX)) ? BESIDE_CHECKOUT : undefined;
  try {
    accessSync(join(named, INDEX), constants.R_OK);
  } catch (cause) {
    throw new Error(`VITRINE_VECTORS is set to ${named}, but ${INDEX} cannot be read there`, { cause });
  }
  return named;
}

/** Why tests on real evidence are skipped, or `false` where they run. For `promise.unless`. */
export const missingVectors: string | false =
  vectorsDirectory() === undefined ? 'no real evidence: set VITRINE_VECTORS' : false;

/** Bytes of one vector, by its path inside the directory. */
export function readVector(path: string): Uint8Array<ArrayBuffer> {
  const directory = vectorsDirectory();
  if (directory === undefined) throw new Error(`no vectors, so no ${path}`);
  return new Uint8Array(readFileSync(join(directory, path)));
}

/** Text of one vector. */
export function readTextVector(path: string): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(readVector(path));
}
