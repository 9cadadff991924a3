/**
 * The key service: what its own program runs, and what explains its decisions without it.
 *
 * Hosted servers use `@vitrine/keys/server`, the rest of the enclave `@vitrine/keys/client`.
 *
 * @module
 */

export { type AnchorExchange, createServiceAnchor, type ServiceAnchorOptions } from './anchor/service-anchor.ts';
export { exclusively } from './app-root/exclusive.ts';
export {
  admittedMeasurements,
  type NumberedManifest,
  readRelease,
  requireRelease,
  type Signers,
  signersOf,
  type Upgrade,
} from './app-root/release.ts';
export {
  type EnforcedDelay,
  enforcedDelay,
  faultOf,
  type WitnessStanding,
  witnessStandings,
} from './app-root/witnesses.ts';
export { type WrappedFor, wrappedFor } from './app-root/wrapped-for.ts';
export { type ExplainRequest, explainRequest } from './explain-request.ts';
export type { Platform } from './keyd/platform.ts';
export type { RunKeydOptions } from './process/answer-supervisor.ts';
export { runKeyd } from './process/keyd-main.ts';
