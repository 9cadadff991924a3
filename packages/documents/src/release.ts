/**
 * A release: the word of those who hold an application's release keys that a next manifest takes over what
 * lasts of a former one. It names both by digest and number, and admits nothing else.
 *
 * Each signature is Ed25519 over `"vitrine/release/v1" ‖ 0x00 ‖` the canonical bytes of the document without
 * `signatures`. Which keys count, and how many, is not in it: that is said by the former manifest.
 *
 * Test vector: `vectors/release.json`.
 *
 * Specification: RFC 8785; RFC 8032.
 *
 * @module
 */
import { canonicalBytes } from './canonical.ts';
import { concatBytes } from './encoding.ts';
import { base64Url, hex, type Infer, integer, list, object, oneOf, type Shape, text } from './shape.ts';

const TYPE = 'vitrine/release/v1';

/** SHA-384 of a manifest's canonical bytes, and its number. */
const named = object({ manifest: hex(48), number: integer(1) });

const shape = object({
  type: oneOf(TYPE),
  /** As the manifests call the application. */
  name: text('a name of letters, digits, "." "_" and "-"', /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  from: named,
  to: named,
  signatures: list(object({ key: hex(32), signature: base64Url(64) }), 0),
});

export type Release = Infer<typeof shape>;
export const releaseShape: Shape<Release> = shape;

/** What each holder of a release key signs. */
export function releaseSigned({ name, from, to }: Pick<Release, 'name' | 'from' | 'to'>): Uint8Array<ArrayBuffer> {
  return concatBytes(new TextEncoder().encode(TYPE), Uint8Array.of(0), canonicalBytes({ type: TYPE, name, from, to }));
}
