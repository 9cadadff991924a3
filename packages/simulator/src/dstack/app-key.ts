/**
 * Keys of an emulated dstack application, derived as dstack does: HKDF-SHA256 with the salt `RATLS`, the application's
 * key from the key server's root, the keys of its paths from the application's key.
 *
 * The root is 32 random bytes in a file: whoever reads it has the keys of every application.
 *
 * @module
 */
import { hkdfSync, randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { concatBytes } from '@vitrine/documents';
import { createOnce } from '../state.ts';

const ROOT_FILE = 'dstack-kms-root';

/** The root of the emulated key server in a state directory, made when it is not there. */
export async function keyServerRoot(directory: string): Promise<Uint8Array> {
  const file = join(directory, ROOT_FILE);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await createOnce(file, randomBytes(32));
  return Uint8Array.from(await readFile(file));
}

/** The key of an application, the same for every app-compose of it. */
export function applicationKey(root: Uint8Array, appId: Uint8Array): Uint8Array {
  return derive(root, concatBytes(appId, new TextEncoder().encode('app-key')));
}

/** What `/GetKey` gives: the path alone decides. */
export function pathKey(application: Uint8Array, path: string): Uint8Array {
  return derive(application, new TextEncoder().encode(path));
}

function derive(key: Uint8Array, info: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, 'RATLS', info, 32));
}
