/**
 * A release: the word of those who hold an application's release keys that a next manifest takes over what
 * lasts of a former one. It names both by digest and number, and admits nothing else.
 *
 * Each signature is Ed25519 over `"vitrine/release/v1" ‖ 0x00 ‖` the canonical bytes of the document without
 * `signatures` and `witnessed`. Which keys count, and how many, is not in it: that is said by the former manifest.
 *
 * Test vectors: `vectors/release.json`.
 *
 * Specification: RFC 8785; RFC 8032.
 *
 * @module
 */
import { digest } from '#digest';
import { canonicalBytes } from './canonical.ts';
import { concatBytes, toHex } from './encoding.ts';
import {
  base64Url,
  hex,
  type Infer,
  integer,
  list,
  mapOf,
  object,
  oneOf,
  optional,
  type Shape,
  text,
} from './shape.ts';
import { witnessStatementShape } from './witness.ts';

const TYPE = 'vitrine/release/v1';
/** Each entry costs the reader a verification. */
const MAX_ENTRIES = 64;

/** Registers by name, as reference values call them. All that are named have to be as named. */
const measurement = object({
  technology: oneOf('tdx', 'sgx', 'snp', 'nitro', 'tpm'),
  registers: mapOf(/^[a-z0-9]{1,32}$/, text('a register', /^(?:[0-9a-f]{2}){16,64}$/), 1),
});
/** SHA-384 of a manifest's canonical bytes, and its number. */
const former = object({
  manifest: hex(48),
  number: integer(1),
  /**
   * The images that the former manifest has run in: whom an enclave of the next takes a root from. Absent: the
   * image that the next itself runs in.
   */
  measurements: optional(atMost(MAX_ENTRIES, list(measurement))),
});
/** Absent measurements: those of the former one, whatever they are. */
const next = object({
  manifest: hex(48),
  number: integer(1),
  /** The images that the next manifest may run in: any of them. */
  measurements: optional(atMost(MAX_ENTRIES, list(measurement))),
});

const shape = object({
  type: oneOf(TYPE),
  /** As the manifests call the application. */
  name: text('a name of letters, digits, "." "_" and "-"', /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  from: former,
  to: next,
  signatures: atMost(MAX_ENTRIES, list(object({ key: hex(32), signature: base64Url(64) }), 0)),
  /** What witnesses say of it, for a delay of the former manifest. */
  witnessed: optional(atMost(MAX_ENTRIES, list(witnessStatementShape, 0))),
});

function atMost<T>(maximum: number, entries: Shape<readonly T[]>): Shape<readonly T[]> {
  return {
    schema: { ...(entries.schema as object), maxItems: maximum },
    parse: (value, path = []) => {
      const parsed = entries.parse(value, path);
      if (!parsed.ok || parsed.value.length <= maximum) return parsed;
      const message = `expected at most ${maximum} entries, found ${parsed.value.length}`;
      return { ok: false, issues: [{ path, message }] };
    },
  };
}

export type Release = Infer<typeof shape>;
export type ReleaseMeasurement = Infer<typeof measurement>;
export const releaseShape: Shape<Release> = shape;

/** What each holder of a release key signs. */
export function releaseSigned({ name, from, to }: Pick<Release, 'name' | 'from' | 'to'>): Uint8Array<ArrayBuffer> {
  return concatBytes(new TextEncoder().encode(TYPE), Uint8Array.of(0), canonicalBytes({ type: TYPE, name, from, to }));
}

/** SHA-384 of what is signed, lower-case hexadecimal: names a release whoever has signed it. */
export async function releaseDigest(release: Pick<Release, 'name' | 'from' | 'to'>): Promise<string> {
  return toHex(await digest('SHA-384', releaseSigned(release)));
}
