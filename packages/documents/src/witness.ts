/**
 * What a witness says of a release: when it saw it first, and what time it is now. Both times are of its own
 * clock, so a delay between them depends on no clock of the machine that waits, which its owner can set.
 *
 * "Saw" means: with as many good signatures as the former manifest demands. A witness that notes releases
 * earlier lets anybody have one aged before there is a signature on it.
 *
 * Each signature is Ed25519 over `"vitrine/witness-statement/v1" ‖ 0x00 ‖` the canonical bytes of the statement
 * without `signature`. Statements travel in the release, beside the signatures of the release keys and not
 * signed by them. Which witnesses count, how many, and what the delay is, is said by the former manifest.
 *
 * Test vector: `vectors/witness-statement.json`.
 *
 * Specification: RFC 8785; RFC 8032.
 *
 * @module
 */
import { canonicalBytes } from './canonical.ts';
import { concatBytes } from './encoding.ts';
import { base64Url, hex, type Infer, object, oneOf, type Shape } from './shape.ts';
import { parseUtc, utcTimeShape } from './utc-time.ts';

const TYPE = 'vitrine/witness-statement/v1';

const written = object({
  type: oneOf(TYPE),
  /** {@link releaseDigest} of the release: whoever signs it additionally changes nothing here. */
  release: hex(48),
  firstSeen: utcTimeShape,
  /** When this was said. */
  stated: utcTimeShape,
  /** The witness. */
  key: hex(32),
  signature: base64Url(64),
});

export type WitnessStatement = Infer<typeof written>;

/** Beyond its parts: nothing is said before it was seen. */
export const witnessStatementShape: Shape<WitnessStatement> = {
  schema: written.schema,
  parse: (value, path = []) => {
    const parsed = written.parse(value, path);
    if (!parsed.ok || secondsWitnessed(parsed.value) >= 0) return parsed;
    const { firstSeen, stated } = parsed.value;
    const message = `stated at ${stated}, which is before it was first seen, at ${firstSeen}`;
    return { ok: false, issues: [{ path: [...path, 'stated'], message }] };
  },
};

/** What the witness signs. */
export function witnessStatementSigned({
  release,
  firstSeen,
  stated,
  key,
}: Omit<WitnessStatement, 'type' | 'signature'>): Uint8Array<ArrayBuffer> {
  const body = { type: TYPE, release, firstSeen, stated, key };
  return concatBytes(new TextEncoder().encode(TYPE), Uint8Array.of(0), canonicalBytes(body));
}

/** Whole seconds from the first sight to the statement. */
export function secondsWitnessed({ firstSeen, stated }: Pick<WitnessStatement, 'firstSeen' | 'stated'>): number {
  return (parseUtc(stated) ?? Number.NaN) - (parseUtc(firstSeen) ?? Number.NaN);
}
