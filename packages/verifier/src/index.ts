/**
 * Verifies TEE evidence offline and completely. Evidence goes in, an AttestationResult comes out.
 *
 * @example
 * ```ts
 * import { parseEndorsements, presets, requireVerified, verify } from '@vitrine/verifier';
 *
 * const result = await verify(
 *   { kind: 'raw', bytes: quote },
 *   {
 *     policy: presets['hardware-only'],
 *     now: new Date(),
 *     endorsements: parseEndorsements(collateralFile, 'collateral.json'),
 *     simulatorAnchors: [],
 *   },
 * );
 * requireVerified(result, { allowSimulated: false });
 * ```
 *
 * @module
 */

export { type AmdEndorsements, type AmdKdsOptions, amdKds } from './amd-kds.ts';
export type { ExpectedChannel } from './bindings.ts';
export type { Fetch } from './bounded-fetch.ts';
export { COMPARED_REGISTERS, type ComparedRegisters } from './compared-registers.ts';
export {
  type DeniedPolicy,
  type DeniedSubject,
  type DenyListKeys,
  denialIn,
  goodSigners,
  isSignedBy,
} from './denied.ts';
export { type CacheOptions, cachedEndorsements, type EndorsementStore } from './endorsement-cache.ts';
export { type Endorsement, endorsementsDocument, endorsementsOf, parseEndorsements } from './endorsement-file.ts';
export { EndorsementUnavailableError, VerificationError } from './errors.ts';
export {
  belowTcbFloor,
  type HandoverVerifyOptions,
  type LaunchDifference,
  launchDifference,
  ownClaims,
  verifyHandover,
} from './handover.ts';
export type { HandoverRole } from './handover-bindings.ts';
export { type IntelPcsOptions, intelPcs } from './intel-pcs.ts';
export { malformedResult } from './malformed.ts';
export { type AppraisalPolicy, appraisalPolicyShape } from './policy.ts';
export { type PresetName, parsePolicy, presets } from './policy-file.ts';
export type { AttestationResult, Check, CheckStatus, Claims, TechnologyName, Verdict } from './result.ts';
export { type SimulatorAnchor, type SimulatorAnchor as TrustAnchor, simulatorAnchor } from './simulator-anchor.ts';
export { TECHNOLOGY_NAMES } from './technologies.ts';
export type {
  Anchor,
  CheckInfo,
  GivenEndorsements,
  HardwareClaims,
  HardwareOutcome,
  PlatformHint,
} from './technology.ts';
export { parseTpmAttestationKey, type TpmAttestationKey } from './tpm/attestation-key.ts';
export { type VendorOptions, vendorEndorsements } from './vendor-endorsements.ts';
export { exitCodeOf, requireVerified } from './verdict.ts';
export {
  type EndorsementFetcher,
  type Evidence,
  type VerifyOptions,
  verify,
} from './verify.ts';
