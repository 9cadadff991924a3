/**
 * Installs the programs that Vitrine is compared and tried with, apart from the project's own
 * dependencies: exact versions from a lock file of their own, and no install scripts.
 *
 * @module
 */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

const SOURCE: string = join(import.meta.dirname, 'peers');
const CACHE: string = join(import.meta.dirname, '..', 'node_modules', '.cache', 'vitrine-peers');

/**
 * The folder in whose `node_modules` the peers are. Takes half a minute the first time.
 *
 * @throws when npm cannot install them, with what npm said.
 */
export async function installedPeers(): Promise<string> {
  const lock = await readFile(join(SOURCE, 'package-lock.json'));
  const folder = join(CACHE, createHash('sha256').update(lock).digest('hex').slice(0, 16));
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.${process.pid}`;
  await mkdir(unfinished, { recursive: true });
  try {
    for (const file of ['package.json', 'package-lock.json'])
      await copyFile(join(SOURCE, file), join(unfinished, file));
    process.stderr.write('installing the peers, once\n');
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
    await promisify(execFile)(npm, ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: unfinished,
      shell: process.platform === 'win32',
      // npm leaves out optional packages that do not want the Node which runs it.
      env: { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}` },
    });
    await rename(unfinished, folder).catch(async (error: unknown) => {
      // Another process was faster.
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return folder;
}
