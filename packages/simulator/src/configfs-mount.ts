/**
 * What the emulated files of a machine share: errors of the form that system calls give, and one view of several
 * trees of files.
 *
 * @module
 */
import type { DeviceFiles } from '@vitrine/attester';

/** An error as `node:fs` gives it. */
export function errnoError(code: string, call: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: emulated, ${call} '${path}'`), { code, syscall: call, path });
}

/** Files by the directory that they are below; nothing else exists. */
export function mounted(trees: Readonly<Record<string, DeviceFiles>>): DeviceFiles {
  const at = (path: string, call: string): DeviceFiles => {
    const found = Object.entries(trees).find(([root]) => path === root || path.startsWith(`${root}/`));
    if (found === undefined) throw errnoError('ENOENT', call, path);
    return found[1];
  };
  return {
    exists: async (path) => {
      const found = Object.entries(trees).find(([root]) => path === root || path.startsWith(`${root}/`));
      return found === undefined ? false : found[1].exists(path);
    },
    list: async (path) => at(path, 'scandir').list(path),
    makeDirectory: async (path) => at(path, 'mkdir').makeDirectory(path),
    removeDirectory: async (path) => at(path, 'rmdir').removeDirectory(path),
    write: async (path, bytes) => at(path, 'open').write(path, bytes),
    read: async (path, limit) => at(path, 'open').read(path, limit),
  };
}

/** A file system of some files that are read whole, such as sysfs tables. */
export function readOnlyFiles(files: Readonly<Record<string, () => Uint8Array>>): DeviceFiles {
  return {
    exists: async (path) => files[path] !== undefined,
    list: async (path) => {
      const below = Object.keys(files).filter((name) => name.startsWith(`${path}/`));
      if (below.length === 0) throw errnoError('ENOENT', 'scandir', path);
      return below.map((name) => name.slice(path.length + 1));
    },
    makeDirectory: async (path) => {
      throw errnoError('EPERM', 'mkdir', path);
    },
    removeDirectory: async (path) => {
      throw errnoError('EPERM', 'rmdir', path);
    },
    write: async (path) => {
      throw errnoError(files[path] === undefined ? 'ENOENT' : 'EACCES', 'open', path);
    },
    read: async (path, limit) => {
      const content = files[path]?.();
      if (content === undefined) throw errnoError('ENOENT', 'open', path);
      return readWhole(content, path, limit);
    },
  };
}

/** How much one read of the kernel gives here: less than is asked for, as it may be. */
const SHORT_READ_BYTES = 1000;

/** What a reader gets who reads to the end in short reads. */
export function readWhole(content: Uint8Array, path: string, limit: number): Uint8Array<ArrayBuffer> {
  const gathered = new Uint8Array(content.length);
  for (let at = 0; at < content.length; at += SHORT_READ_BYTES) {
    const part = content.subarray(at, at + SHORT_READ_BYTES);
    if (at + part.length > limit) throw errnoError('EFBIG', 'read', path);
    gathered.set(part, at);
  }
  return gathered;
}
