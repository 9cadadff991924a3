/**
 * The part of the documents that evidence is judged with, as an entry of its own: a verifier that does
 * not load what only manifests, keys, releases and secrets need is loaded a seventh faster. The main
 * entry has all of this too, and the two give the same functions.
 *
 * @module
 */

export { digest } from '#digest';
export { type BootBinding, type ChannelBinding, reportData } from './binding.ts';
export { canonicalBytes, documentDigest } from './canonical.ts';
export { type DeniedEntry, type DenyList, denyListSigned } from './deny-list.ts';
export { parseDocument, parseJsonFile } from './document-file.ts';
export { concatBytes, fromBase64Url, fromHex, sameBytes, toBase64Url, toHex } from './encoding.ts';
export { type DcapCollateral, dcapCollateralShape, type Endorsements, endorsementsShape } from './endorsements.ts';
export { MalformedEvidenceError, UsageError, VitrineError } from './errors.ts';
export type { EvidenceBundle, LaunchDocument } from './evidence-bundle.ts';
export { handoverSpki } from './handover-spki.ts';
export type { HandoverTerms } from './handover-terms.ts';
export type { KeySpec } from './key-spec.ts';
export { type KeyStatement, keyStatementRoot } from './key-statement.ts';
export type { Manifest } from './manifest.ts';
export type { ReferenceEntry, ReferenceValues } from './reference-values.ts';
export type { ReleaseMeasurement } from './release.ts';
export {
  either,
  hex,
  type Infer,
  type Issue,
  integer,
  list,
  mapOf,
  type ObjectOf,
  object,
  oneOf,
  type Shape,
  showPath,
  tagged,
  text,
} from './shape.ts';
export { JsonSyntaxError, type JsonValue, parseStrictJson } from './strict-json.ts';
export type { UpgradePolicy } from './upgrade.ts';
