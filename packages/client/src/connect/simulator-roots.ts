/**
 * The roots of this user's own simulators: what `vitrine run` and the emulators of platforms write into the
 * simulator's state directory, and nothing outside of it.
 *
 * @module
 */
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UsageError } from '@vitrine/documents';
import { simulatorAnchor, type VerifyOptions } from '@vitrine/verifier';
import { simulatorRootFile } from '../pins/vitrine-home.ts';

/** Roots in Intel's form and in AMD's, there and in the folders of emulators. */
const ROOTS = ['root.pem', 'ark.pem'] as const;

/** @throws UsageError (`simulator.root`) where there is none, or one that is no root. */
export async function ownSimulatorRoots(home: string): Promise<VerifyOptions['simulatorAnchors']> {
  const first = simulatorRootFile(home);
  const folder = dirname(first);
  const inside = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const folders = [folder, ...inside.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name))];
  const anchors: VerifyOptions['simulatorAnchors'][number][] = [];
  for (const file of folders.flatMap((one) => ROOTS.map((name) => join(one, name)))) {
    const pem = await readRoot(file);
    if (pem !== undefined) anchors.push(simulatorAnchor(pem, file));
  }
  if (anchors.length > 0) return anchors;
  throw new UsageError(
    'simulator.root',
    `no simulator root at ${first}: start one with "vitrine run", or give --simulator-root FILE`,
  );
}

async function readRoot(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new UsageError('simulator.root', `cannot read the simulator root ${file}: ${message}`, { cause });
  }
}
