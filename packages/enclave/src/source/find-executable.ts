/**
 * Looks a command up as a shell would, so that the launch can name an absolute path.
 *
 * @module
 */
import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';

/** Absolute path of `command` on `searchPath`; `undefined` where there is none. */
export function findExecutable(command: string, searchPath: string): string | undefined {
  const suffixes = process.platform === 'win32' ? ['.exe', '.com', ''] : [''];
  return searchPath
    .split(path.delimiter)
    .filter((directory) => path.isAbsolute(directory))
    .flatMap((directory) => suffixes.map((suffix) => path.join(directory, command + suffix)))
    .find(isExecutableFile);
}

/** Whether `file` can be started by this user. */
export function isExecutableFile(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
