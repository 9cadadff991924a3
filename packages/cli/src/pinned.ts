/**
 * Finds a pin by the URL that a user wrote.
 *
 * @module
 */
import { normaliseUrl, type Pin, type PinsDocument } from '@vitrine/client';
import { nearest, UsageError } from '@vitrine/documents';

/** A pin and its normalised URL. */
export interface Pinned {
  readonly url: string;
  readonly pin: Pin;
}

/**
 * The pin of `given`.
 *
 * @throws UsageError that names the nearest URL that is pinned.
 */
export function requirePin({ pins }: PinsDocument, given: string): Pinned {
  const url = normaliseUrl(given);
  const pin = Object.hasOwn(pins, url) ? pins[url] : undefined;
  if (pin !== undefined) return { url, pin };
  const near = nearest(url, Object.keys(pins));
  const hint =
    near === undefined
      ? Object.keys(pins).length === 0
        ? '; nothing is pinned yet'
        : '; "vitrine pins ls" lists what is'
      : `; did you mean ${near}?`;
  throw new UsageError('pins.unknown', `${url} is not pinned${hint}`);
}
