/**
 * Which processes a test has started, however deep, told by a variable in their environment.
 *
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs';

/** Why processes cannot be listed here, or false. */
export const cannotListProcesses: string | false = process.platform === 'linux' ? false : 'processes are read in /proc';

/** Ids of the processes with `name=value` in the environment that they were started with, sorted. */
export function processesWith(name: string, value: string): readonly number[] {
  const entry = `${name}=${value}`;
  return readdirSync('/proc')
    .filter((id) => /^[0-9]+$/.test(id) && environmentOf(id).includes(entry))
    .map(Number)
    .sort((a, b) => a - b);
}

function environmentOf(id: string): readonly string[] {
  try {
    return readFileSync(`/proc/${id}/environ`, 'utf8').split('\0');
  } catch {
    // Ended meanwhile, or another user's.
    return [];
  }
}
