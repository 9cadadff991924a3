/**
 * Makes one file of the wallet and everything that it imports, so that all of its code is measured.
 *
 * @module
 */
import path from 'node:path';
import { rolldown } from 'rolldown';

/** @param directory - Gets `server.mjs`. */
export async function buildWallet(directory: string): Promise<void> {
  const bundle = await rolldown({
    input: path.join(import.meta.dirname, 'server.ts'),
    platform: 'node',
    resolve: { conditionNames: ['@vitrine/source', 'node', 'import'] },
  });
  await bundle.write({ dir: directory, entryFileNames: 'server.mjs', format: 'esm', codeSplitting: false });
}

if (process.argv[1] === import.meta.filename) await buildWallet(path.join(import.meta.dirname, 'dist'));
