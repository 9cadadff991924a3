/**
 * Keeps fetched endorsements for a while, so that a vendor's service is asked once a day and not at
 * every connection, and so that its outage does not stop what was verified an hour ago.
 *
 * A cache decides nothing: the verifier authenticates what it returns and judges its dates, exactly
 * as if it had come from the vendor just now.
 *
 * @module
 */
import {
  type Endorsements,
  endorsementsShape,
  type Infer,
  object,
  oneOf,
  parseStrictJson,
  text,
} from '@vitrine/documents/evidence';
import { endorsementsDocument, endorsementsOf } from './endorsement-file.ts';
import type { PlatformHint } from './technology.ts';
import type { EndorsementFetcher } from './verify.ts';

/** Where entries are kept. Losing one, or all, only costs a request. */
export interface EndorsementStore {
  /** The text under `key`, or `undefined`. */
  read(key: string): Promise<string | undefined>;
  write(key: string, text: string): Promise<void>;
}

export interface CacheOptions {
  readonly store: EndorsementStore;
  readonly now: () => Date;
  /** An entry younger than this is used without asking, in milliseconds. */
  readonly freshMs: number;
  /** An entry younger than this is used when the service cannot be asked, in milliseconds. */
  readonly staleMs: number;
}

const entryShape = object({
  type: oneOf('vitrine/cached-endorsements/v1'),
  /** RFC 3339, UTC. */
  fetched: text('a time'),
  endorsements: endorsementsShape,
});

type Entry = Infer<typeof entryShape>;

/** A fetcher that looks into `store` first. It rejects only when neither the service nor the store can help. */
export function cachedEndorsements(fetcher: EndorsementFetcher, options: CacheOptions): EndorsementFetcher {
  return async (platform) => {
    const key = keyOf(platform);
    const entry = readEntry(await options.store.read(key).catch(() => undefined));
    const age = entry === undefined ? Number.NaN : options.now().getTime() - Date.parse(entry.fetched);
    // A clock that was set back makes entries from the future, whose age says nothing.
    const usable = (limit: number): boolean => age >= 0 && age < limit;
    if (entry !== undefined && usable(options.freshMs)) return endorsementsOf(entry.endorsements, key);
    try {
      const fetched = await fetcher(platform);
      const document = endorsementsDocument(fetched);
      if (document !== undefined) await keep(key, document, options);
      return fetched;
    } catch (error) {
      if (entry !== undefined && usable(options.staleMs)) return endorsementsOf(entry.endorsements, key);
      throw error;
    }
  };
}

/** Letters, digits and hyphens only, so that it can be a file's name anywhere. */
function keyOf(platform: PlatformHint): string {
  return Object.values(platform)
    .join('-')
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-')
    .slice(0, 200);
}

async function keep(key: string, endorsements: Endorsements, { store, now }: CacheOptions): Promise<void> {
  const entry: Entry = { type: 'vitrine/cached-endorsements/v1', fetched: now().toISOString(), endorsements };
  // A full disk must not turn good endorsements into none.
  await store.write(key, JSON.stringify(entry)).catch(() => undefined);
}

function readEntry(stored: string | undefined): Entry | undefined {
  if (stored === undefined) return undefined;
  try {
    const parsed = entryShape.parse(parseStrictJson(stored));
    return parsed.ok ? parsed.value : undefined;
  } catch {
    // Whatever it is, it is no entry; the next fetch replaces it.
    return undefined;
  }
}
