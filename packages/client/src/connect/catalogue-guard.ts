/**
 * Holds the tools that a pinned server lists to those of its pin; the first listing is kept.
 *
 * @module
 */
import { guardListing } from '../catalogue/guard.ts';
import { createListing } from '../catalogue/listing.ts';
import { recordCatalogue } from '../pins/pins-store.ts';
import type { FetchWrapper } from './open-channel.ts';
import type { Trust } from './trust.ts';

/**
 * What guards one client of the server; nothing where the server is not pinned.
 *
 * @param report - Told when the tools were seen for the first time, and from then on have to stay.
 */
export function catalogueGuard(
  { pin, url }: Trust,
  file: string | undefined,
  report: (line: string) => void = () => {},
): FetchWrapper {
  if (pin === undefined || file === undefined) return (fetch) => fetch;
  // One for all clients: a client without a session asks for each page by itself.
  const listing = createListing(
    pin.catalogue,
    async (listed) => {
      await recordCatalogue(file, url, pin, listed);
      const count = Object.keys(listed.tools).length;
      report(`pinned ${count === 1 ? 'the tool' : `the ${count} tools`} of ${url}: a change will be refused`);
    },
    () => report(`${url} lists its tools in pages: they are pinned when the client has asked for all of them`),
  );
  // The refusal comes out of the response, where it is told and acted on.
  return (fetch) => guardListing((target, init) => fetch(String(target), init), listing);
}
