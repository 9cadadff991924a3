/**
 * Reads and changes the user's pins.json. A damaged file is an error and is never overwritten:
 * guessing here would mean trusting a server that the user may have refused.
 *
 * @module
 */
import { lstat, mkdir, readdir, readFile, realpath, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { parseDocument, UsageError } from '@vitrine/documents';
import { CATALOGUE_CHECK } from '../catalogue/canonical.ts';
import { toolChanges } from '../catalogue/describe-change.ts';
import { changed } from '../catalogue/listing.ts';
import type { PinnedCatalogue } from '../catalogue/pinned-catalogue.ts';
import { RefusedError } from '../errors.ts';
import { atomicWrite } from './atomic-write.ts';
import { withLock } from './file-lock.ts';
import { type Pin, type PinsDocument, pinsShape, samePinned } from './pins-document.ts';

const LOCK_WAIT_MS = 10_000;
const LEFTOVER_MS = 60_000;
const NONE: PinsDocument = { type: 'vitrine/pins/v1', pins: {} };

/** The pins file in a Vitrine home directory. */
export function pinsFile(home: string): string {
  return join(home, 'pins.json');
}

/**
 * The pins in `file`; none if there is no file.
 *
 * @throws UsageError for a file that cannot be read or is not a pins document.
 */
export async function readPins(file: string): Promise<PinsDocument> {
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT' && !(await isLink(file))) return NONE;
    throw new UsageError('pins.unreadable', `cannot read the pins file ${file}: ${(cause as Error).message}`, {
      cause,
    });
  }
  try {
    return parseDocument(content, pinsShape, file);
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause;
    throw new UsageError(
      'pins.damaged',
      `the pins file is damaged, so no server is trusted and nothing was changed. Repair it or move it away.\n${cause.message}`,
      { cause },
    );
  }
}

/** A link to nowhere is a disk that is not mounted, not a user without pins. */
function isLink(file: string): Promise<boolean> {
  return lstat(file).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );
}

/** The pin of a normalised URL. */
export async function findPin(file: string, url: string): Promise<Pin | undefined> {
  const { pins } = await readPins(file);
  return Object.hasOwn(pins, url) ? pins[url] : undefined;
}

/**
 * Sets the pin of a normalised URL and keeps all others, under a lock. A catalogue that is pinned
 * stays where code and configuration are the same.
 *
 * @throws RefusedError (check `pin.manifest-number`) rather than let the highest number seen fall.
 */
export async function writePin(file: string, url: string, pin: Pin): Promise<void> {
  await change(file, url, (stored) => {
    if (stored === undefined) return pin;
    if (pin.manifestNumber < stored.manifestNumber) {
      throw new RefusedError(
        'pin.manifest-number',
        `the server went back to manifest number ${pin.manifestNumber}; you have seen number ${stored.manifestNumber}. ` +
          `If that is right, forget what you have seen first: vitrine pins rm ${url}`,
      );
    }
    const keep = pin.catalogue === undefined && stored.catalogue !== undefined && samePinned(stored, pin);
    return keep ? { ...pin, catalogue: stored.catalogue } : pin;
  });
}

/** Forgets the pin of a normalised URL; gives the pin that was there. */
export async function removePin(file: string, url: string): Promise<Pin | undefined> {
  let removed: Pin | undefined;
  await change(file, url, (stored) => {
    removed = stored;
    return undefined;
  });
  return removed;
}

/**
 * Keeps the first catalogue of the server that `pin` admitted.
 *
 * @throws RefusedError (check `pin.catalogue`) when the pin has changed meanwhile, or another
 *   process has recorded another catalogue.
 */
export async function recordCatalogue(file: string, url: string, pin: Pin, catalogue: PinnedCatalogue): Promise<void> {
  await change(file, url, (stored) => {
    if (stored === undefined || !samePinned(stored, pin)) {
      throw new RefusedError(
        CATALOGUE_CHECK,
        `the pin of ${url} was changed or removed meanwhile, so its tools were not pinned; start again`,
      );
    }
    if (stored.catalogue === undefined) return { ...stored, catalogue };
    if (stored.catalogue.digest === catalogue.digest) return stored;
    throw changed(toolChanges(stored.catalogue, catalogue));
  });
}

/**
 * Remembers a manifest number that a verified live result showed. Only a pin by source can see a
 * higher one than it had; no number ever falls.
 */
export async function raiseManifestNumber(file: string, url: string, seen: number): Promise<void> {
  await change(file, url, (stored) =>
    stored?.mode === 'source' && seen > stored.manifestNumber ? { ...stored, manifestNumber: seen } : stored,
  );
}

/** Replaces one pin by what `edit` makes of it; `undefined` is no pin. Nothing is written when nothing changes. */
async function change(file: string, url: string, edit: (stored: Pin | undefined) => Pin | undefined): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    // Beside the file itself: whoever comes through another link has to meet the same lock.
    const target = await realpath(file).catch(() => file);
    await withLock(`${target}.lock`, { waitMs: LOCK_WAIT_MS }, async (stillHeld) => {
      const { type, pins } = await readPins(file);
      const stored = Object.hasOwn(pins, url) ? pins[url] : undefined;
      const pin = edit(stored);
      if (pin === stored) return;
      const { [url]: _, ...others } = pins;
      const next: PinsDocument = { type, pins: pin === undefined ? others : { ...others, [url]: pin } };
      const checked = pinsShape.parse(next);
      if (!checked.ok) throw new UsageError('pins.shape', `cannot pin ${url}: ${checked.issues[0]?.message}`);
      if (!(await stillHeld())) {
        throw new UsageError('lock.lost', `another process took ${target}.lock over; nothing was changed, try again`);
      }
      await removeLeftovers(target);
      await atomicWrite(file, `${JSON.stringify(next, undefined, 2)}\n`, 0o600);
    });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== 'EACCES' && code !== 'EROFS' && code !== 'EPERM' && code !== 'ENOSPC' && code !== 'ENOTDIR')
      throw cause;
    throw new UsageError(
      'pins.unwritable',
      `cannot change the pins file ${file}: ${(cause as Error).message}; nothing was changed`,
      { cause },
    );
  }
}

/** What writers left that were killed: whoever holds the lock is the only one who writes. */
async function removeLeftovers(target: string): Promise<void> {
  const prefix = `.${basename(target)}.`;
  for (const name of await readdir(dirname(target))) {
    if (!name.startsWith(prefix) || !name.endsWith('.tmp')) continue;
    const file = join(dirname(target), name);
    const ofWriter = /^[0-9a-f]{12}\.tmp$/.test(name.slice(prefix.length));
    // Those of the lock may be in use at this moment.
    const changed = ofWriter ? 0 : ((await stat(file).catch(() => undefined))?.mtimeMs ?? Date.now());
    if (Date.now() - changed > LEFTOVER_MS) await rm(file, { force: true });
  }
}
