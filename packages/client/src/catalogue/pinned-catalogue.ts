/**
 * The tool catalogue as a pin keeps it: digests, and the definitions themselves as long as they are
 * not too large, so that a later change can be shown and not only noticed.
 *
 * @module
 */
import { hex, type JsonValue, mapOf, object, optional, type ParseResult, type Shape } from '@vitrine/documents';
import { catalogueDigest, isObject, type JsonObject, type ListedTool, toolDigest } from './canonical.ts';

/** Definitions are kept up to this many canonical bytes in all. */
const MAX_KEPT_BYTES = 1 << 20;

export interface PinnedTool {
  /** SHA-256 of its canonical bytes, lower-case hexadecimal. */
  readonly digest: string;
  /** As it was on the wire; absent where the catalogue was too large. */
  readonly definition?: JsonObject;
}

export interface PinnedCatalogue {
  readonly digest: string;
  readonly tools: Readonly<Record<string, PinnedTool>>;
}

const definition: Shape<JsonObject> = {
  schema: { type: 'object' },
  parse: (value, path = []) =>
    isObject(value as JsonValue)
      ? { ok: true, value: value as JsonObject }
      : { ok: false, issues: [{ path, message: 'expected a tool definition' }] },
};

const members = object({
  digest: hex(32),
  tools: mapOf(/^/, object({ digest: hex(32), definition: optional(definition) })),
});

/** Reads a pinned catalogue; digests that do not belong together make it damaged. */
export const pinnedCatalogueShape: Shape<PinnedCatalogue> = {
  schema: members.schema,
  parse: (value, path = []) => {
    const parsed = members.parse(value, path);
    if (!parsed.ok) return parsed;
    const { digest, tools } = parsed.value;
    for (const [name, tool] of Object.entries(tools)) {
      const kept = tool.definition;
      if (kept === undefined) continue;
      if (kept['name'] !== name || toolDigest(kept) !== tool.digest) {
        return disagrees([...path, 'tools', name], 'the definition is not the one that the digest is of');
      }
    }
    return catalogueDigest(digestsOf(parsed.value)) === digest
      ? parsed
      : disagrees([...path, 'digest'], 'the digest is not that of the tools');
  },
};

function disagrees(path: readonly (string | number)[], message: string): ParseResult<never> {
  return { ok: false, issues: [{ path, message }] };
}

/** Names and digests of the tools. */
export function digestsOf({ tools }: PinnedCatalogue): readonly (readonly [string, string])[] {
  return Object.entries(tools).map(([name, tool]) => [name, tool.digest]);
}

/** Makes what a pin keeps of a complete listing. */
export function pinCatalogue(tools: Iterable<ListedTool>): PinnedCatalogue {
  const listed = [...tools];
  const keep = listed.reduce((sum, { bytes }) => sum + bytes, 0) <= MAX_KEPT_BYTES;
  // Without prototype, as everything that is read from JSON here: a tool may be called `__proto__`.
  const pinned = Object.create(null) as Record<string, PinnedTool>;
  for (const { name, digest, definition: kept } of listed) {
    pinned[name] = keep ? { digest, definition: kept } : { digest };
  }
  return { digest: catalogueDigest(listed.map(({ name, digest }) => [name, digest])), tools: pinned };
}
