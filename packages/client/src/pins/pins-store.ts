/**
 * Reads and changes the user's pins.json.
 *
 * @module
 */
import { join } from 'node:path';
import { CATALOGUE_CHECK } from '../catalogue/canonical.ts';
import { toolChanges } from '../catalogue/describe-change.ts';
import { changed } from '../catalogue/listing.ts';
import type { PinnedCatalogue } from '../catalogue/pinned-catalogue.ts';
import { RefusedError } from '../errors.ts';
import { changeGuarded, type GuardedFile, readGuarded } from './guarded-file.ts';
import { type Pin, type PinsDocument, pinsShape, samePinned } from './pins-document.ts';
import { requireNotBehind, type SealedState } from './sealed-state.ts';

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
export function readPins(file: string): Promise<PinsDocument> {
  return readGuarded(guarded(file));
}

function guarded(file: string): GuardedFile<PinsDocument> {
  return { file, shape: pinsShape, none: NONE, code: 'pins', called: 'the pins file', damaged: 'no server is trusted' };
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
 * @throws RefusedError (check `pin.manifest-number` or `pin.state-older`) rather than let the highest number seen
 *   fall, or how far the same keys and data were seen.
 */
export async function writePin(file: string, url: string, pin: Pin): Promise<void> {
  await change(file, url, (stored) => {
    if (stored === undefined) return pin;
    requireNoFall(url, stored, pin);
    const keep = pin.catalogue === undefined && stored.catalogue !== undefined && samePinned(stored, pin);
    return keep ? { ...pin, catalogue: stored.catalogue } : pin;
  });
}

/**
 * Whether `pin` may take the place of `stored`.
 *
 * @throws RefusedError (check `pin.manifest-number` or `pin.state-older`).
 */
export function requireNoFall(url: string, stored: Pin, pin: Pin): void {
  const hint = `. If that is right, forget what you have seen first: vitrine pins rm ${url}`;
  if (pin.manifestNumber < stored.manifestNumber) {
    throw new RefusedError(
      'pin.manifest-number',
      `the server went back to manifest number ${pin.manifestNumber}; you have seen number ${stored.manifestNumber}${hint}`,
    );
  }
  if (pin.mode === 'exact') requireNotBehind(stateIn(stored, pin), pin.state, hint);
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

/** How far the keys and data were seen that `pin` is about, too. */
function stateIn(stored: Pin | undefined, pin: Pin): SealedState | undefined {
  if (stored?.mode !== 'exact' || pin.mode !== 'exact' || stored.appRoot !== pin.appRoot) return undefined;
  return stored.state;
}

/** How far the keys and data that `pin` is about were seen, by any process of this user. */
export async function readState(file: string, url: string, pin: Pin): Promise<SealedState | undefined> {
  return stateIn(await findPin(file, url), pin);
}

/**
 * Remembers how far keys and data were seen in evidence that was verified. What is stored never goes back: another
 * process may have seen more meanwhile. Writes nothing where nothing is new, or the pin is another by now.
 *
 * @throws RefusedError (check `pin.state-older`) where the same step is stored with another digest.
 */
export async function recordState(file: string, url: string, pin: Pin, found: SealedState): Promise<void> {
  await change(file, url, (stored) => {
    if (stored?.mode !== 'exact' || pin.mode !== 'exact' || stored.appRoot !== pin.appRoot) return stored;
    const { state } = stored;
    if (state !== undefined && state.sequence >= found.sequence) {
      if (state.sequence === found.sequence) requireNotBehind(state, found);
      return stored;
    }
    return { ...stored, state: found };
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
function change(file: string, url: string, edit: (stored: Pin | undefined) => Pin | undefined): Promise<void> {
  return changeGuarded(guarded(file), (document) => {
    const { type, pins } = document;
    const stored = Object.hasOwn(pins, url) ? pins[url] : undefined;
    const pin = edit(stored);
    if (pin === stored) return document;
    const { [url]: _, ...others } = pins;
    return { type, pins: pin === undefined ? others : { ...others, [url]: pin } };
  });
}
