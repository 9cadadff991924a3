/**
 * The key slots on a disk: made once, replaced as a whole, never followed through a link.
 *
 * A new file appears by linking it to its name, which fails where anything has that name already; so of two
 * processes that make a root at once, one does. An old file is replaced by renaming. Both are on the disk
 * before the call returns. Whoever reads, changes and replaces does so within {@link KeyslotFile.exclusively}.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { constants, type FileHandle, link, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '@vitrine/documents';
import { exclusively } from './exclusive.ts';

export interface KeyslotFile {
  /** For messages. */
  readonly path: string;
  /** The text, or `undefined` where nothing has the name. */
  read(): Promise<string | undefined>;
  /** Whether the file is there with `text` now; false where something was there before. */
  create(text: string): Promise<boolean>;
  replace(text: string): Promise<void>;
  /** Runs `action` while nobody else does so with this file. @throws UsageError `file.busy` at once where somebody does. */
  exclusively<T>(action: () => Promise<T>): Promise<T>;
}

const MODE = 0o600;
const MAX_BYTES: number = 1 << 16;

/** `keyslots.json` in `directory`. Errors of the system become UsageErrors that name the file. */
export function keyslotFile(directory: string): KeyslotFile {
  const path = join(directory, 'keyslots.json');
  return {
    path,
    read: () => named(path, () => readWhole(path)),
    create: (text) =>
      named(path, async () => {
        await mkdir(directory, { recursive: true, mode: 0o700 });
        return throughTemporary(directory, path, text, async (temporary) => {
          try {
            await link(temporary, path);
            return true;
          } catch (cause) {
            if (systemCode(cause) === 'EEXIST') return false;
            throw cause;
          }
        });
      }),
    replace: (text) =>
      named(path, () => throughTemporary(directory, path, text, (temporary) => rename(temporary, path))),
    exclusively: (action) => exclusively(join(directory, 'keyslots.lock'), action),
  };
}

async function readWhole(path: string): Promise<string | undefined> {
  let handle: FileHandle;
  try {
    // Without O_NONBLOCK a pipe of that name would hold the start up for ever.
    handle = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined;
    if (systemCode(cause) === 'ELOOP') throw damaged(path, 'it is a symbolic link');
    throw cause;
  }
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw damaged(path, 'it is not an ordinary file');
    if (stat.size > MAX_BYTES) throw damaged(path, `it has ${stat.size} bytes, more than ${MAX_BYTES}`);
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await handle.readFile());
  } catch (cause) {
    if (cause instanceof TypeError) throw damaged(path, 'it is not UTF-8');
    throw cause;
  } finally {
    await handle.close();
  }
}

async function throughTemporary<T>(
  directory: string,
  path: string,
  text: string,
  publish: (temporary: string) => Promise<T>,
): Promise<T> {
  const size = Buffer.byteLength(text);
  if (size > MAX_BYTES) {
    const why = `they would have ${size} bytes, and could not be read with more than ${MAX_BYTES}`;
    throw new UsageError('keys.slots-unusable', `the key slots in ${path} were not written: ${why}`);
  }
  const temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`;
  try {
    const handle = await open(temporary, 'wx', MODE);
    try {
      await handle.chmod(MODE);
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    const result = await publish(temporary);
    await rm(temporary, { force: true });
    await syncDirectory(directory);
    return result;
  } catch (cause) {
    await rm(temporary, { force: true });
    throw cause;
  }
}

/** Makes the name durable. Windows cannot open a directory; there renaming must do. */
async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(directory, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function named<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    const code = systemCode(cause);
    if (code === undefined) throw cause;
    throw new UsageError(
      'keys.slots-unusable',
      `${path} cannot be used (${code}); name a directory that the key service may read and write`,
      { cause },
    );
  }
}

function damaged(path: string, why: string): UsageError {
  return new UsageError('keys.slots-damaged', `${path} is not a file of key slots: ${why}; restore it from a copy`);
}

function systemCode(value: unknown): string | undefined {
  return value instanceof Error && 'syscall' in value ? (value as NodeJS.ErrnoException).code : undefined;
}
