/**
 * The secret of the simulated machine: 32 random bytes in the file `root-secret` of the state directory,
 * mode 0600. Real platforms derive such a secret from a chip or get it from a key service; this one
 * protects nothing against whoever reads the directory, and its description says so.
 *
 * The file is made when it is first asked for, so directories of earlier releases get theirs then. Losing it
 * closes every root that was wrapped under it.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RootSecretSource } from '@vitrine/attester';
import { UsageError } from '@vitrine/documents';
import { createOnce, isSystemError } from './state.ts';

const SECRET_FILE = 'root-secret';
const SECRET_BYTES = 32;

/** The source of an opened state directory. The secret is read anew at each call and not kept in memory. */
export function simulatedRootSecret(directory: string): RootSecretSource {
  const file = join(directory, SECRET_FILE);
  return {
    description: {
      kind: 'simulator',
      boundTo: 'the state directory of the simulator',
      derivableBy: ['whoever reads the state directory'],
      survivesUpgrade: true,
      sharedByReplicas: false,
    },
    secret: async () => {
      try {
        return await readSecret(file);
      } catch (cause) {
        if (!isSystemError(cause)) throw cause;
        throw new UsageError(
          'simulator.state-unusable',
          `the simulator cannot keep its root secret in ${file}: ${cause.message}; name a directory that you may write to`,
          { cause },
        );
      }
    },
  };
}

async function readSecret(file: string): Promise<Uint8Array> {
  const stored = await readFile(file).catch(async (cause: unknown) => {
    if (!isSystemError(cause) || cause.code !== 'ENOENT') throw cause;
    await createOnce(file, randomBytes(SECRET_BYTES));
    return readFile(file);
  });
  if (stored.length === SECRET_BYTES) return Uint8Array.from(stored);
  throw new UsageError(
    'simulator.state-damaged',
    `${file} is damaged: it has ${stored.length} bytes and not ${SECRET_BYTES}; restore it, or give up what was wrapped under it by deleting it`,
  );
}
