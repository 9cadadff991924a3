/**
 * State directories of emulated SEV-SNP chips for tests. Each has a chip of its own; the RSA-4096 keys above it,
 * which take seconds to make, are made once and kept for all tests of this checkout.
 *
 * @module
 */
import { createPrivateKey } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AmdAuthorities, generateAmdAuthorities } from '../amd-pki.ts';
import { openAmdState } from '../amd-state.ts';
import { type KeyPair, keyPairOf } from '../keys.ts';
import { createOnce, readIfThere } from '../state.ts';

const CACHE = join(import.meta.dirname, '..', '..', '..', '..', 'node_modules', '.cache', 'vitrine-tests');
const FILE = join(CACHE, 'snp-authorities.json');

/**
 * Makes `directory` the state of a new chip whose certificates are good at `now`.
 *
 * @param root - `other` is another root than `one`, as two real simulators have. Chips under `one` share their root.
 */
export async function prepareSnpDirectory(directory: string, now: Date, root: 'one' | 'other' = 'one'): Promise<void> {
  await openAmdState(directory, now, async () => {
    const { ark, ask } = await testAuthorities();
    return root === 'one' ? { ark, ask } : { ark: ask, ask: ark };
  });
}

async function testAuthorities(): Promise<AmdAuthorities> {
  await mkdir(CACHE, { recursive: true });
  if ((await readIfThere(FILE)) === undefined) {
    const { ark, ask } = await generateAmdAuthorities();
    const pem = ({ privateKey }: KeyPair): string => privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    await createOnce(FILE, JSON.stringify([pem(ark), pem(ask)]));
  }
  const [ark, ask] = JSON.parse(await readFile(FILE, 'utf8')) as [string, string];
  return { ark: keyPairOf(createPrivateKey(ark)), ask: keyPairOf(createPrivateKey(ask)) };
}
