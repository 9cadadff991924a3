/**
 * One `fetch` per client of the proxy. What guards the tool catalogue knows requests by their ids,
 * and every client counts from 0. A session of the old era is one client; without a session, an
 * answer comes on the stream of its own request, so that each request may stand for itself.
 *
 * @module
 */
import type { FetchLike } from '../net/outside-fetch.ts';

export interface ClientFetches {
  /** The `fetch` for a request in `session`. */
  for(session: string | undefined): FetchLike;
  /** Takes note that `fetch` has opened `session`. */
  opened(session: string, fetch: FetchLike): void;
  closed(session: string): void;
}

/** More are never kept; the one that was opened first is forgotten, and starts anew. */
const MAX_SESSIONS = 1_000;

export function createClientFetches(create: () => FetchLike): ClientFetches {
  const bySession = new Map<string, FetchLike>();
  const keep = (session: string, fetch: FetchLike): void => {
    bySession.set(session, fetch);
    const [oldest] = bySession.keys();
    if (bySession.size > MAX_SESSIONS && oldest !== undefined) bySession.delete(oldest);
  };
  return {
    for(session) {
      if (session === undefined) return create();
      const known = bySession.get(session);
      if (known !== undefined) return known;
      const made = create();
      keep(session, made);
      return made;
    },
    opened: keep,
    closed: (session) => void bySession.delete(session),
  };
}
