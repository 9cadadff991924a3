/**
 * Endorsements from the vendors, kept in this user's own directory between runs.
 *
 * @module
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  cachedEndorsements,
  type EndorsementFetcher,
  type EndorsementStore,
  vendorEndorsements,
} from '@vitrine/verifier';
import { atomicWrite } from './pins/atomic-write.ts';

/** For all requests about one machine together. */
const TIMEOUT_MS = 10_000;
const DAY_MS = 86_400_000;
/** Intel's and AMD's lists are in force for a month or less; the verifier judges the dates. */
const STALE_MS = 30 * DAY_MS;

/** A fetcher that asks a vendor at most once a day about one machine. `home` is the user's Vitrine directory. */
export function onlineEndorsements(home: string): EndorsementFetcher {
  return cachedEndorsements(vendorEndorsements({ fetch: globalThis.fetch, timeoutMs: TIMEOUT_MS }), {
    store: folderStore(join(home, 'endorsements')),
    now: () => new Date(),
    freshMs: DAY_MS,
    staleMs: STALE_MS,
  });
}

/** One file per machine. */
export function folderStore(folder: string): EndorsementStore {
  const fileOf = (key: string): string => join(folder, `${key}.json`);
  return {
    async read(key) {
      try {
        return await readFile(fileOf(key), 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    async write(key, text) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await atomicWrite(fileOf(key), text, 0o600);
    },
  };
}
