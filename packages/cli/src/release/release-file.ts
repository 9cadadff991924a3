/**
 * The file of a release: read, made, changed by one process at a time and replaced as a whole; and how a release
 * is named to people.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { parseDocument, type Release, releaseShape, UsageError, VitrineError } from '@vitrine/documents';
import { readText } from '../inputs.ts';

const LOCK_WAIT_MS = 10_000;

/** Manifest and number. */
export type Named = Pick<Release['from'], 'manifest' | 'number'>;

/** Parses a release; whether anybody has to heed it is not judged. */
export function readReleaseFile(file: string): Release {
  return parseDocument(readText(file), releaseShape, file);
}

/** @throws UsageError where the file is there. */
export function createRelease(file: string, release: Release): void {
  try {
    writeFileSync(file, format(release), { flag: 'wx' });
  } catch (cause) {
    throw unwritable(file, cause);
  }
}

/** Writes what a file will hold from now on. */
export type Replace = (text: string) => Promise<void>;

/**
 * Reads, changes and replaces a file while no other process does so: what two people add to it at the same moment
 * is there in the end. `action` reads it itself, since before it begins the file may be another one's.
 *
 * @throws UsageError `lock.held` where another process keeps the file for too long, `lock.lost`, or
 *   `release.unwritable`; or what `action` throws.
 */
export async function changing<T>(file: string, action: (replace: Replace) => Promise<T>): Promise<T> {
  const { withLock } = await import('@vitrine/client');
  // Whoever comes through a link has to meet the same lock, and the link stays one.
  const target = await realpath(file).catch(() => file);
  try {
    return await withLock(`${target}.lock`, { waitMs: LOCK_WAIT_MS }, (stillHeld) =>
      action(async (text) => {
        if (!(await stillHeld())) {
          throw new UsageError('lock.lost', `another process took ${target}.lock over; nothing was changed, try again`);
        }
        replaceWhole(target, text);
      }),
    );
  } catch (cause) {
    const ofSystem = !(cause instanceof VitrineError) && /^E[A-Z]+$/.test((cause as NodeJS.ErrnoException).code ?? '');
    if (!ofSystem) throw cause;
    throw unwritable(file, cause);
  }
}

/** Either all of the old text is there, or all of the new one. Its mode stays; a new file is for everybody to read. */
export function replaceWhole(file: string, text: string): void {
  const temporary = `${file}.${randomBytes(8).toString('hex')}.tmp`;
  const mode = statSync(file, { throwIfNoEntry: false })?.mode ?? 0o644;
  try {
    const descriptor = openSync(temporary, 'wx', mode & 0o777);
    try {
      writeFileSync(descriptor, text);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, file);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw cause;
  }
}

/** What `--json` prints of a release, or what people read. */
export function print(json: boolean | undefined, release: Release, text: string): void {
  process.stdout.write(json === true ? `${JSON.stringify(release)}\n` : text);
}

/** The whole digest: it is what people compare. */
export function named({ manifest, number }: Named): string {
  return `number ${number}, manifest ${manifest}`;
}

export function isSame(one: Named, other: Named): boolean {
  return one.manifest === other.manifest && one.number === other.number;
}

export function format(release: Release): string {
  return `${JSON.stringify(release, null, 2)}\n`;
}

function unwritable(file: string, cause: unknown): UsageError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const known: Readonly<Record<string, string>> = {
    EEXIST: 'it is there already, and is kept; name another one',
    ENOENT: 'there is no such folder',
    EACCES: 'permission denied',
  };
  return new UsageError('release.unwritable', `cannot write ${file}: ${known[code ?? ''] ?? code ?? message}`, {
    cause,
  });
}
