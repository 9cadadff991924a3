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
export { type AttestedFetch, attestedFetch } from './channel/attested-fetch.ts';
export {
  type AttestedSocket,
  type AttestOptions,
  type Judge,
  openAttestedSocket,
} from './channel/attested-socket.ts';
export { applyPlan, readConfig } from './client-config/apply-plan.ts';
export { type BridgeEntry, bridgeEntry, type EntryOptions, entryName } from './client-config/bridge-entry.ts';
export {
  type ClientEntry,
  claudeDesktopFile,
  type EntryPlan,
  planClientEntry,
} from './client-config/claude-desktop.ts';
export { requireTrust } from './connect/judge.ts';
export { resolveTrust, type Trust, type TrustOptions } from './connect/trust.ts';
export { type Look, type Pinnable, pinnable, verifyUrl } from './connect/verify-url.ts';
export { describeRefusal, type Refusal, RefusedError, UnreachableError } from './errors.ts';
export { describePinChange, makePin, type NewPin, pinReferenceValues } from './pins/pin.ts';
export type { Pin, PinsDocument } from './pins/pins-document.ts';
export { findPin, pinsFile, readPins, writePin } from './pins/pins-store.ts';
export { type Environment, simulatorRootFile, vitrineHome } from './pins/vitrine-home.ts';
export { isLoopback, normaliseUrl } from './server-url.ts';
