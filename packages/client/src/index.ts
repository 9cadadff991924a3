/**
 * The relying party's side: verify, then speak.
 *
 * `attestedTransport` is the public face for programs. The rest is what the command line is made
 * of; the bridge itself is started through `@vitrine/client/connect-main`.
 *
 * @module
 */
export { ATTEST_TIME_LIMIT_MS, type AttestedTransportOptions, attestedTransport } from './attested-transport.ts';
export { NO_ANSWER_CODE, REFUSED_CODE } from './bridge/rpc-error.ts';
export { describeToolChanges, type ToolChange } from './catalogue/describe-change.ts';
export { type CatalogueOptions, type FetchLike, withCatalogue } from './catalogue/guard.ts';
export type { PinnedCatalogue, PinnedTool } from './catalogue/pinned-catalogue.ts';
export { type AttestedFetch, attestedFetch } from './channel/attested-fetch.ts';
export {
  type AttestedSocket,
  type AttestOptions,
  type Judge,
  openAttestedSocket,
} from './channel/attested-socket.ts';
export { ConnectionBrokenError, type Progress } from './channel/exchange.ts';
export type { LaneOptions, LaneSizes } from './channel/lanes.ts';
export { applyPlan, readConfig } from './client-config/apply-plan.ts';
export {
  type BridgeEntry,
  bridgeEntry,
  bridgeVersion,
  type EntryOptions,
  entryName,
  npxBridge,
} from './client-config/bridge-entry.ts';
export {
  type EntryPlan,
  noEdit,
  planEntry,
  plannedEdit,
  planRemoval,
  requireEntryName,
  requireSameServer,
} from './client-config/entry-plan.ts';
export {
  CLIENT_IDS,
  type ConfigTarget,
  clientTarget,
  installedClients,
  type Machine,
  noProjectFile,
  type Scope,
} from './client-config/mcp-clients.ts';
export { type VitrineEntry, vitrineEntries } from './client-config/vitrine-entries.ts';
export { authorityLines } from './connect/authority.ts';
export { requireTrust, type TrustWatch } from './connect/judge.ts';
export { ownSimulatorRoots } from './connect/simulator-roots.ts';
export { type StateWitness, stateWitness } from './connect/state-witness.ts';
export { resolveTrust, type Trust, type TrustOptions } from './connect/trust.ts';
export { type Look, type Pinnable, pinnable, verifyUrl } from './connect/verify-url.ts';
export {
  denyListsAtHand,
  denyListsFile,
  forgetDenyList,
  type Kept,
  type KeptDenyList,
  type KeptDenyLists,
  keepDenyList,
  readDenyList,
  readKeptDenyLists,
} from './deny-lists/kept-deny-lists.ts';
export type { Comparison, RowChange, SectionComparison } from './diff/compare.ts';
export { compareSubjects, type SubjectComparison } from './diff/compare-subjects.ts';
export { type Facts, GROUPS, type Group, type Rows } from './diff/facts.ts';
export { changeLine } from './diff/lines.ts';
export { type Subject, subjectOfFile, subjectOfPin } from './diff/subject.ts';
export { describeRefusal, type Refusal, RefusedError, UnreachableError } from './errors.ts';
export { type ProxyFor, type ProxyServer, proxyFromEnvironment } from './net/proxy-environment.ts';
export { withLock } from './pins/file-lock.ts';
export {
  describePinChange,
  describePinMismatch,
  makePin,
  type NewPin,
  pinFacts,
  pinReferenceValues,
} from './pins/pin.ts';
export { PINNED_TECHNOLOGIES, type PinnedTechnology } from './pins/pinned-registers.ts';
export type { ExactPin, Pin, PinsDocument, SourcePin } from './pins/pins-document.ts';
export {
  findPin,
  pinsFile,
  raiseManifestNumber,
  readPins,
  readState,
  recordCatalogue,
  recordState,
  removePin,
  requireNoFall,
  writePin,
} from './pins/pins-store.ts';
export { type SealedState, stateText } from './pins/sealed-state.ts';
export { type Environment, simulatorRootFile, vitrineHome } from './pins/vitrine-home.ts';
export { type SealSecretOptions, type SecretOwner, sealSecret } from './secrets/seal-secret.ts';
export { type SubmitOptions, type Submitted, submitSecret } from './secrets/submit-secret.ts';
export { isLoopback, normaliseUrl } from './server-url.ts';
export type { ClientIdentity, RegisteredClient } from './sign-in/client-identity.ts';
export { type SignInContext, type SignInFlags, signInFromFlags } from './sign-in/from-flags.ts';
export { fileTokenStore, forgetTokens, memoryTokenStore, type TokenStore } from './sign-in/token-store.ts';
export { type SignInOptions, withSignIn } from './sign-in/with-sign-in.ts';
