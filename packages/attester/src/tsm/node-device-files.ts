/**
 * The files of the kernel that this process runs on, through `node:fs`.
 *
 * Each call opens, does its one thing and closes: configfs and sysfs keep what was written with the descriptor,
 * and configfs commits a binary attribute when the descriptor is closed. Nothing is created or truncated, since
 * the kernel makes these files.
 *
 * @module
 */
import { constants } from 'node:fs';
import { access, mkdir, open, readdir, rmdir } from 'node:fs/promises';
import { concatBytes } from '@vitrine/documents';
import type { DeviceFiles } from '../device-files.ts';
import { errnoError, errnoOf } from './errno.ts';

/** Sysfs gives a page at a time, configfs as much as is asked for. */
const CHUNK_BYTES = 4096;

export const nodeDeviceFiles: DeviceFiles = {
  exists: async (path) => {
    try {
      await access(path);
      return true;
    } catch (error) {
      const code = errnoOf(error);
      if (code === 'ENOENT' || code === 'ENOTDIR') return false;
      throw error;
    }
  },
  list: (path) => readdir(path),
  makeDirectory: async (path) => {
    await mkdir(path);
  },
  removeDirectory: (path) => rmdir(path),
  write: async (path, bytes) => {
    const handle = await open(path, constants.O_WRONLY);
    try {
      const { bytesWritten } = await handle.write(bytes);
      if (bytesWritten !== bytes.length) {
        throw errnoError('EIO', `short write of ${bytesWritten} instead of ${bytes.length} bytes, write '${path}'`);
      }
    } finally {
      await handle.close();
    }
  },
  read: async (path, limit) => {
    const handle = await open(path, constants.O_RDONLY);
    try {
      const parts: Uint8Array[] = [];
      let total = 0;
      for (;;) {
        const { bytesRead, buffer } = await handle.read(new Uint8Array(CHUNK_BYTES), 0, CHUNK_BYTES, null);
        if (bytesRead === 0) return concatBytes(...parts);
        total += bytesRead;
        if (total > limit) throw errnoError('EFBIG', `more than ${limit} bytes, read '${path}'`);
        parts.push(buffer.subarray(0, bytesRead));
      }
    } finally {
      await handle.close();
    }
  },
};
