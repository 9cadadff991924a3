/**
 * Builds and packs all packages and installs the tarballs into an empty folder: what a user gets.
 *
 * @module
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Installation {
  /** The folder with `node_modules`. */
  readonly directory: string;
  /** `node_modules/vitrine/bin/vitrine.js`, to be run with Node. */
  readonly vitrine: string;
  /** Everything that was installed, removed. */
  dispose(): void;
}

const shell = process.platform === 'win32';

/** @param root - The workspace. Its `dist` folders are made and removed again: in development the sources run. */
export function installPacked(root: string): Installation {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-packed-'));
  const tarballs = join(directory, 'tarballs');
  mkdirSync(tarballs);
  try {
    execFileSync('npx', ['--no-install', 'tsc', '-b', '--force'], { cwd: root, stdio: 'inherit', shell });
    execFileSync('npm', ['pack', '--workspaces', '--silent', '--pack-destination', tarballs], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
      shell,
    });
  } finally {
    execFileSync('npx', ['--no-install', 'tsc', '-b', '--clean'], { cwd: root, stdio: 'inherit', shell });
    for (const name of readdirSync(join(root, 'packages')))
      rmSync(join(root, 'packages', name, 'dist'), { recursive: true, force: true });
  }
  writeFileSync(join(directory, 'package.json'), '{ "private": true }\n');
  const files = readdirSync(tarballs).map((name) => join(tarballs, name));
  execFileSync(
    'npm',
    ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error', ...files],
    { cwd: directory, stdio: 'inherit', shell },
  );
  return {
    directory,
    vitrine: join(directory, 'node_modules', 'vitrine', 'bin', 'vitrine.js'),
    dispose: () => rmSync(directory, { recursive: true, force: true }),
  };
}
