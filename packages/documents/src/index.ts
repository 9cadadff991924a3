/**
 * The documents that both sides of Vitrine exchange: schema, canonical bytes, digests.
 * No I/O and no policy.
 *
 * @module
 */

export { digest } from '#digest';
export { type AnchorTerms, anchorShape } from './anchor.ts';
export {
  type BootBinding,
  bootBindingShape,
  type ChannelBinding,
  channelBindingShape,
  type HandoverBinding,
  handoverBindingShape,
  type RootSource,
  reportData,
} from './binding.ts';
export { canonicalBytes, documentDigest } from './canonical.ts';
export { catalogueBytes } from './catalogue.ts';
export {
  type DeniedEntry,
  type DenyList,
  denyListShape,
  denyListSigned,
  MAX_DENY_LIST_BYTES,
  parseDenyList,
} from './deny-list.ts';
export { describeCopies, describeDerivable } from './describe-root.ts';
export { parseDocument, parseJsonFile } from './document-file.ts';
export { concatBytes, fromBase64Url, fromHex, sameBytes, toBase64Url, toHex } from './encoding.ts';
export { type DcapCollateral, dcapCollateralShape, type Endorsements, endorsementsShape } from './endorsements.ts';
export { type ErrorDocument, errorDocument, errorDocumentShape } from './error-document.ts';
export { MalformedEvidenceError, UsageError, VitrineError } from './errors.ts';
export {
  type EvidenceBundle,
  formatEvidenceBundle,
  type HardwareEvidence,
  type LaunchDocument,
  MAX_BUNDLE_BYTES,
  parseEvidenceBundle,
} from './evidence-bundle.ts';
export { handoverSpki } from './handover-spki.ts';
export { type HandoverTerms, handoverTermsShape } from './handover-terms.ts';
export { egressHostShape } from './host-name.ts';
export {
  type EvmEffectPattern,
  type KeyAction,
  type KeyApprover,
  type KeyLimit,
  type KeyPolicy,
  type KeyRule,
  keyPolicyShape,
  type SolanaEffectPattern,
} from './key-policy.ts';
export { type CredentialSpec, type KeyAlgorithm, type KeySpec, keysShape, secretsShape } from './key-spec.ts';
export { type KeyStatement, type KeyStatements, keyStatementRoot, keyStatementsShape } from './key-statement.ts';
export {
  authShape,
  limitsShape,
  type Manifest,
  manifestDigest,
  manifestShape,
  needsAppRoot,
  type ServerSource,
} from './manifest.ts';
export { nearest } from './nearest.ts';
export {
  type ReferenceEntry,
  type ReferenceValues,
  referenceValuesShape,
  type TdxRegisters,
  tdxRegistersShape,
} from './reference-values.ts';
export { type Release, type ReleaseMeasurement, releaseDigest, releaseShape, releaseSigned } from './release.ts';
export { type RootTerms, rootTermsShape } from './root-terms.ts';
export {
  MAX_SECRET_BYTES,
  requireSecretValue,
  type SealedSecret,
  type SealedSecretHeader,
  type SecretPurpose,
  sealedSecretAad,
  sealedSecretInfo,
  sealedSecretShape,
  sealedSecretSigned,
} from './sealed-secret.ts';
export {
  base64Url,
  either,
  hex,
  type Infer,
  type Issue,
  integer,
  list,
  mapOf,
  type ObjectOf,
  type Optional,
  object,
  oneOf,
  optional,
  type ParseResult,
  type Shape,
  showPath,
  tagged,
  text,
} from './shape.ts';
export { JsonSyntaxError, type JsonValue, parseStrictJson } from './strict-json.ts';
export { describeDelay, describeUpgrade, normalUpgrade, type UpgradePolicy, upgradeShape } from './upgrade.ts';
export { formatUtc, parseUtc, utcTimeShape } from './utc-time.ts';
export { secondsWitnessed, type WitnessStatement, witnessStatementShape, witnessStatementSigned } from './witness.ts';
