/**
 * `vitrine.lock`: what each range or tag was resolved to, so that every machine installs the same code.
 *
 * It stands beside `vitrine.yaml`, or in the current directory, and belongs into version control. It holds
 * npm's whole lock file, since the exact versions of a package's dependencies are code just as it is.
 * What differs from it does not run; nothing here decides to update it.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import {
  hex,
  type Infer,
  type JsonValue,
  mapOf,
  object,
  oneOf,
  parseDocument,
  type Shape,
  text,
  UsageError,
} from '@vitrine/documents';

/** npm's lock file is npm's format: any JSON object here; its digest is what is checked. */
const npmLock: Shape<JsonValue> = {
  schema: { type: 'object' },
  parse: (value, path = []) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? { ok: true, value: value as JsonValue }
      : { ok: false, issues: [{ path, message: 'expected the contents of package-lock.json' }] },
};

const entryShape = object({
  version: text('an exact version', /^[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]*$/),
  integrity: text('a subresource integrity value', /^sha512-[A-Za-z0-9+/]+={0,2}$/),
  /** SHA-384 of package-lock.json, in the form that `formatPackageLock` gives it. */
  lockfile: hex(48),
  /** Tree digest by platform, such as `linux-x64`: optional packages differ. */
  tree: mapOf(/^[a-z0-9]+-[a-z0-9]+$/, hex(48)),
  /** The contents of package-lock.json. */
  packageLock: npmLock,
});

const shape = object({
  type: oneOf('vitrine/lock/v1'),
  /** By server as it was written, such as `npm:foo@latest`. */
  servers: mapOf(/^npm:.+$/, entryShape),
});

export type LockFile = Infer<typeof shape>;
export type LockEntry = Infer<typeof entryShape>;
const lockFileShape: Shape<LockFile> = shape;

const EMPTY: LockFile = { type: 'vitrine/lock/v1', servers: {} };

/**
 * Reads the lock file; a file that is not there locks nothing.
 *
 * @throws UsageError (`document.syntax`, `document.shape`, `lock.unreadable`) for a damaged one.
 */
export async function readLockFile(file: string): Promise<LockFile> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return EMPTY;
    throw new UsageError('lock.unreadable', `cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
  try {
    const content = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return parseDocument(content, lockFileShape, file);
  } catch (cause) {
    const why = cause instanceof UsageError ? cause.message : `${file} is not UTF-8 text`;
    const code = cause instanceof UsageError ? cause.code : 'document.syntax';
    throw new UsageError(code, `${why}\nRestore it from version control, or remove it to resolve everything anew`, {
      cause,
    });
  }
}

/** The entry for a server as it was written, if it is locked. */
export function lockedEntry(lock: LockFile, written: string): LockEntry | undefined {
  return Object.hasOwn(lock.servers, written) ? lock.servers[written] : undefined;
}

/** Adds or replaces one entry. Readers see the old file or the new one, never a part. */
export async function writeLockEntry(file: string, written: string, entry: LockEntry): Promise<void> {
  const present = await readLockFile(file);
  const servers = Object.entries({ ...present.servers, [written]: entry }).sort(([left], [right]) =>
    left < right ? -1 : 1,
  );
  const content = `${JSON.stringify({ type: present.type, servers: Object.fromEntries(servers) }, null, 2)}\n`;
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeFile(temporary, content, { flag: 'wx' });
    await rename(temporary, file);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new UsageError('lock.unwritable', `cannot write ${file}: ${(cause as Error).message}`, { cause });
  }
}
