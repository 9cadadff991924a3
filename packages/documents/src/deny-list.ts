/**
 * A deny-list: the word of its issuer that some code or images must not be used any more, and which numbers of
 * an application are the least that may be.
 *
 * Lists are numbered: of two with the same name and keys the one with the higher number counts, and what an older
 * one denied the newer one has to say again. Each signature is Ed25519 over `"vitrine/deny-list/v1" ‖ 0x00 ‖` the
 * canonical bytes of the document without `signatures`. Which keys count, and how many, is not in it: that is for
 * whoever uses it to say.
 *
 * Test vector: `vectors/deny-list.json`.
 *
 * Specification: RFC 8785; RFC 8032; RFC 3339.
 *
 * @module
 */
import { canonicalBytes } from './canonical.ts';
import { parseDocument } from './document-file.ts';
import { concatBytes } from './encoding.ts';
import { UsageError } from './errors.ts';
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
import { utcTimeShape } from './utc-time.ts';

const TYPE = 'vitrine/deny-list/v1';
/** Some thousand entries; a list is read at every connection. */
export const MAX_DENY_LIST_BYTES: number = 1 << 20;

const application = text('a name of letters, digits, "." "_" and "-"', /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
/** For people: what is wrong with it, or where that is told. */
const reason = optional(text('one line of at most 200 characters', /^[^\p{Cc}\p{Zl}\p{Zp}]{1,200}$/u));

const byManifest = object({
  /** SHA-384 of the manifest's canonical bytes. */
  manifest: hex(48),
  reason,
});
const byRegisters = object({
  technology: text('a technology', /^[a-z][a-z0-9-]{0,31}$/),
  /** Evidence is denied where all that are named have these values. */
  registers: mapOf(/^[a-z0-9]{1,32}$/, text('a register in lower-case hexadecimal', /^(?:[0-9a-f]{2}){16,64}$/), 1),
  reason,
});
const byApplication = object({
  /** As its manifest calls it. */
  application,
  /** Manifests with a lower number are denied. */
  below: integer(2),
  reason,
});

const ENTRIES = { manifest: byManifest, technology: byRegisters, application: byApplication } as const;

export type DeniedEntry = Infer<(typeof ENTRIES)[keyof typeof ENTRIES]>;

/** An entry is of the kind whose first member it has. */
const entry: Shape<DeniedEntry> = {
  schema: { anyOf: Object.values(ENTRIES).map(({ schema }) => schema) },
  parse: (value, path = []) => {
    const kind = Object.keys(ENTRIES).find((name) => typeof value === 'object' && value !== null && name in value);
    return kind === undefined
      ? { ok: false, issues: [{ path, message: 'expected an object with manifest, technology or application' }] }
      : ENTRIES[kind as keyof typeof ENTRIES].parse(value, path);
  },
};

const shape = object({
  type: oneOf(TYPE),
  /** What the issuer calls the list. */
  name: text(
    'a name of at most 64 lower-case letters, digits, "." "_" and "-"',
    /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/,
  ),
  /** Rises with every change. */
  number: integer(1),
  /** For people: nothing is decided by it. */
  issued: utcTimeShape,
  denied: list(entry, 0),
  /** The lowest manifest number that may be used of an application. */
  minimum: list(object({ application, number: integer(1) }), 0),
  signatures: list(object({ key: hex(32), signature: base64Url(64) }), 0),
});

export type DenyList = Infer<typeof shape>;
export const denyListShape: Shape<DenyList> = shape;

/** What each holder of an issuer's key signs. */
export function denyListSigned(denyList: Omit<DenyList, 'signatures'>): Uint8Array<ArrayBuffer> {
  const { type, name, number, issued, denied, minimum } = denyList;
  const signed = canonicalBytes({ type, name, number, issued, denied, minimum });
  return concatBytes(new TextEncoder().encode(TYPE), Uint8Array.of(0), signed);
}

/**
 * Reads a list: strict JSON of exactly this form. Its signatures are not verified.
 *
 * @param name - How to call the file in errors.
 * @throws UsageError with code `denylist.too-large`, `document.syntax` or `document.shape`.
 */
export function parseDenyList(content: string, name: string): DenyList {
  if (content.length > MAX_DENY_LIST_BYTES) {
    throw new UsageError('denylist.too-large', `${name} is larger than ${MAX_DENY_LIST_BYTES} bytes`);
  }
  return parseDocument(content, denyListShape, name);
}
