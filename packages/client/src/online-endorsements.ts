/**
 * Endorsements from the vendors, by a client of their own, and as a rule kept in this user's own
 * directory between runs.
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
import { outsideFetch } from './net/outside-fetch.ts';
import { direct, type ProxyFor } from './net/proxy-environment.ts';
import { atomicWrite } from './pins/atomic-write.ts';

/** For all requests about one machine together. */
const TIMEOUT_MS = 10_000;
/** No document of a vendor is nearly as large; each source has a lower limit of its own. */
const MAX_BYTES = 16 << 20;
const DAY_MS = 86_400_000;
/** Intel's and AMD's lists are in force for a month or less; the verifier judges the dates. */
const STALE_MS = 30 * DAY_MS;

/** A fetcher that asks the vendors and keeps nothing. */
export function freshEndorsements(proxyFor: ProxyFor = direct): EndorsementFetcher {
  const { fetch } = outsideFetch({ proxyFor, allowLoopback: false, timeLimitMs: TIMEOUT_MS, maxBytes: MAX_BYTES });
  return vendorEndorsements({ fetch, timeoutMs: TIMEOUT_MS });
}

/**
 * A fetcher that asks a vendor at most once a day about one machine.
 *
 * @param home - The user's Vitrine directory.
 * @param proxyFor - Which HTTP proxy leads to a vendor; none by default.
 */
export function onlineEndorsements(home: string, proxyFor: ProxyFor = direct): EndorsementFetcher {
  return cachedEndorsements(freshEndorsements(proxyFor), {
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
