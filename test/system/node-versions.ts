/**
 * Other versions of Node.js to run the packages with, from the packages that carry nothing but the
 * program: no install script runs. They are kept in the cache of `node_modules`.
 *
 * @module
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface NodeProgram {
  readonly version: string;
  /** Path of the program, or why there is none. */
  readonly program: string | undefined;
  readonly missing: string | false;
}

/** One of each line that the packages say they support. */
const VERSIONS = ['22.23.3', '24.21.0', '26.10.0'] as const;

/** Every version under test; those that cannot be had say why. */
export function nodePrograms(root: string): readonly NodeProgram[] {
  return VERSIONS.map((version) => {
    if (process.versions.node === version) return { version, program: process.execPath, missing: false };
    try {
      return { version, program: installed(root, version), missing: false };
    } catch (error) {
      const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
      return { version, program: undefined, missing: `no Node ${version} here: ${reason}` };
    }
  });
}

function installed(root: string, version: string): string {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const name = `node-${platform}-${process.arch}`;
  const directory = join(root, 'node_modules', '.cache', 'vitrine', `node-${version}`);
  const program = join(directory, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (!existsSync(program)) {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'package.json'), '{ "private": true }\n');
    const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-save', '--loglevel=error'];
    execFileSync('npm', [...install, `${name}@${version}`], {
      cwd: directory,
      stdio: ['ignore', 'ignore', 'pipe'],
      shell: process.platform === 'win32',
    });
  }
  const actual = execFileSync(program, ['--version'], { encoding: 'utf8' }).trim();
  if (actual !== `v${version}`) throw new Error(`${program} is ${actual}`);
  return program;
}
