/**
 * The file of a release: read, made, replaced as a whole; and how a release is named to people.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { parseDocument, type Release, releaseShape, UsageError } from '@vitrine/documents';
import { readText } from '../inputs.ts';

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

export function replaceRelease(file: string, release: Release): void {
  try {
    replaceWhole(file, format(release));
  } catch (cause) {
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

function format(release: Release): string {
  return `${JSON.stringify(release, null, 2)}\n`;
}

function unwritable(file: string, cause: unknown): UsageError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const why = code === 'EEXIST' ? 'it is there already, and is kept; name another one' : (code ?? message);
  return new UsageError('release.unwritable', `cannot write the release ${file}: ${why}`, { cause });
}
