/**
 * The tool catalogue of an MCP server: the bytes that its digest is of.
 *
 * Everything that a tool's entry in a `tools/list` result says counts, members that no schema knows
 * included. A tool's digest is SHA-256 of the RFC 8785 form of its entry; the catalogue's is SHA-256 of
 * these bytes: `"vitrine/catalogue/v1" ‖ 0x00 ‖ JCS([[name, digest], …])`, sorted by name as RFC 8785
 * sorts members. The *set* of names is part of it, so a renamed tool is a change, too.
 *
 * @module
 */
import { canonicalBytes } from './canonical.ts';
import { concatBytes } from './encoding.ts';

const DOMAIN: Uint8Array = new TextEncoder().encode('vitrine/catalogue/v1\0');

/** @param digests - Name and digest of every tool; digests in lower-case hexadecimal. */
export function catalogueBytes(digests: Iterable<readonly [name: string, digest: string]>): Uint8Array<ArrayBuffer> {
  const sorted = [...digests].sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
  return concatBytes(DOMAIN, canonicalBytes(sorted.map(([name, digest]) => [name, digest])));
}
