/**
 * What a server has listed so far: follows the pages of a listing, holds every tool against what is
 * pinned, and knows when a listing is complete.
 *
 * @module
 */
import type { JsonValue } from '@vitrine/documents';
import { visibleText } from '../clean-text.ts';
import { RefusedError } from '../errors.ts';
import { CATALOGUE_CHECK, type ListedTool, readListedPage, unreadable } from './canonical.ts';
import { describeToolChanges, type ToolChange, toolChanges } from './describe-change.ts';
import { type PinnedCatalogue, type PinnedTool, pinCatalogue } from './pinned-catalogue.ts';

/** Listings that were begun and not followed to their end are forgotten beyond this many. */
const MAX_OPEN = 64;
/** A listing that goes on and on must not fill the memory. */
const MAX_TOOLS = 10_000;

export interface Listing {
  /**
   * Takes the answer to a `tools/list` request that carried `cursor`. Resolves when it may be passed on.
   *
   * @throws RefusedError (check `pin.catalogue`) for any difference from what is pinned.
   */
  take(result: JsonValue | undefined, cursor: string | undefined): Promise<void>;
  /** As `take`, for tools that nobody asked for: they are compared, and say nothing about the whole. */
  hold(result: JsonValue): void;
}

/**
 * @param pinned - What is pinned; `undefined` at first contact.
 * @param record - Keeps the first complete listing; it holds from then on.
 * @param unfinished - Told once when a first listing has more pages: until all were seen, nothing is kept.
 */
export function createListing(
  pinned: PinnedCatalogue | undefined,
  record: (catalogue: PinnedCatalogue) => Promise<void>,
  unfinished: () => void = () => {},
): Listing {
  let current = pinned;
  /** Tools so far, by the cursor that continues them. */
  const open = new Map<string, ReadonlyMap<string, ListedTool>>();
  /** Digests by name, until a whole listing was seen: a tool must not change meanwhile, either. */
  const shown = new Map<string, string>();
  let recording: Promise<void> | undefined;
  let told = false;

  const compare = (tools: readonly ListedTool[]): void => {
    if (current !== undefined) {
      requireKnown(current, tools);
      return;
    }
    for (const { name, digest } of tools) {
      if ((shown.get(name) ?? digest) !== digest) {
        throw unreadable(`it has two different tools named ${JSON.stringify(visibleText(name))}`);
      }
      shown.set(name, digest);
    }
    if (shown.size > MAX_TOOLS) throw unreadable(`it has more than ${MAX_TOOLS} tools`);
  };

  const complete = async (tools: ReadonlyMap<string, ListedTool>): Promise<void> => {
    const seen = pinCatalogue(tools.values());
    // Another client may just have listed them all.
    while (recording !== undefined) await recording.catch(() => undefined);
    if (current === undefined) {
      recording = record(seen);
      try {
        await recording;
      } finally {
        recording = undefined;
      }
      current = seen;
      shown.clear();
    } else if (seen.digest !== current.digest) {
      throw changed(toolChanges(current, seen));
    }
  };

  return {
    async take(result, cursor) {
      const page = readListedPage(result);
      compare(page.tools);
      const before = cursor === undefined ? new Map<string, ListedTool>() : open.get(cursor);
      // A cursor from before this process: the page was checked, but says nothing about the whole.
      if (before === undefined) return;
      const tools = new Map(before);
      for (const tool of page.tools) {
        const twin = tools.get(tool.name);
        if (twin !== undefined && twin.digest !== tool.digest) {
          throw unreadable(`it has two different tools named ${JSON.stringify(visibleText(tool.name))}`);
        }
        tools.set(tool.name, tool);
      }
      if (page.nextCursor === undefined) return complete(tools);
      if (current === undefined && !told) unfinished();
      told = true;
      open.delete(page.nextCursor);
      open.set(page.nextCursor, tools);
      const [oldest] = open.keys();
      if (open.size > MAX_OPEN && oldest !== undefined) open.delete(oldest);
    },
    hold: (result) => compare(readListedPage(result).tools),
  };
}

function requireKnown(pinned: PinnedCatalogue, tools: readonly ListedTool[]): void {
  const changes = tools.flatMap(({ name, digest, definition }): readonly ToolChange[] => {
    const before: PinnedTool | undefined = Object.hasOwn(pinned.tools, name) ? pinned.tools[name] : undefined;
    if (before?.digest === digest) return [];
    return [{ name, kind: before === undefined ? 'added' : 'changed', before, after: { digest, definition } }];
  });
  if (changes.length > 0) throw changed(changes);
}

/** The refusal of a catalogue that is not the pinned one. */
export function changed(changes: readonly ToolChange[]): RefusedError {
  const count = { added: 0, removed: 0, changed: 0 };
  for (const { kind } of changes) count[kind]++;
  const summary = Object.entries(count)
    .filter(([, number]) => number > 0)
    .map(([kind, number]) => `${number} ${kind}`)
    .join(', ');
  const names = changes.slice(0, 3).map(({ name }) => JSON.stringify(visibleText(name).slice(0, 60)));
  return new RefusedError(
    CATALOGUE_CHECK,
    `the server's tools are not those that you pinned (${summary}: ${names.join(', ')}${changes.length > 3 ? ', …' : ''}); the list was not passed on. ` +
      'See what is pinned with "vitrine pins show"; to accept the change, remove the pin and add the server again',
    { details: describeToolChanges(changes) },
  );
}
