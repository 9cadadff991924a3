/**
 * Where a user's own Vitrine files are: pins, and the roots of simulators that this user runs.
 *
 * @module
 */
import { join, posix, win32 } from 'node:path';

/** The parts of the environment that decide it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** `VITRINE_HOME`, else `vitrine` in the platform's configuration directory. */
export function vitrineHome(env: Environment, platform: NodeJS.Platform, homedir: string): string {
  const { VITRINE_HOME, XDG_CONFIG_HOME, APPDATA } = env;
  if (VITRINE_HOME !== undefined && VITRINE_HOME !== '') return VITRINE_HOME;
  if (platform === 'win32') return win32.join(APPDATA || win32.join(homedir, 'AppData', 'Roaming'), 'vitrine');
  if (platform === 'darwin') return posix.join(homedir, 'Library', 'Application Support', 'vitrine');
  // The XDG specification wants relative paths ignored.
  const base = XDG_CONFIG_HOME?.startsWith('/') ? XDG_CONFIG_HOME : posix.join(homedir, '.config');
  return posix.join(base, 'vitrine');
}

/** Where the simulator of this user keeps its root, below the home directory. */
export function simulatorRootFile(home: string): string {
  return join(home, 'simulator', 'root.pem');
}
