/**
 * What both sides of a hand-over demand of the other's evidence before they look at what it says.
 *
 * @module
 */
import {
  type Endorsements,
  type EvidenceBundle,
  endorsementsShape,
  type HandoverBinding,
  MalformedEvidenceError,
  type Manifest,
  manifestDigest,
  parseEvidenceBundle,
} from '@vitrine/documents';
import {
  type AttestationResult,
  type Claims,
  type Endorsement,
  endorsementsOf,
  type HandoverRole,
  type LaunchDifference,
  type VerifyOptions,
  verifyHandover,
} from '@vitrine/verifier';
import type { Platform } from '../keyd/platform.ts';
import { malformed } from './messages.ts';
import { refuse } from './refusal.ts';

/** The other side, authenticated. */
export interface Peer {
  readonly bundle: EvidenceBundle;
  readonly handover: HandoverBinding;
  readonly claims: Claims;
  readonly manifest: NamedManifest;
  /** As it was verified, for a second look. */
  readonly verified: JudgeOptions;
}

export interface NamedManifest {
  readonly name: string;
  readonly number: number;
  /** SHA-384, lower-case hexadecimal. */
  readonly digest: string;
}

interface JudgeOptions {
  readonly role: HandoverRole;
  readonly now: Date;
  readonly endorsements: readonly Endorsement[];
  readonly simulatorAnchors: VerifyOptions['simulatorAnchors'];
}

/**
 * Verifies the other side's evidence.
 *
 * @param text - The bundle as it came.
 * @param endorsements - What the supervisor has fetched; signed by the vendor, so it can at most be withheld.
 * @throws UsageError `handover.evidence`, `handover.endorsements`, `handover.simulated`, `handover.binding`.
 */
export async function judgePeer(
  text: string,
  role: HandoverRole,
  platform: Pick<Platform, 'isSimulated' | 'simulatorAnchors'>,
  now: Date,
  endorsements: unknown,
): Promise<Peer> {
  const options: JudgeOptions = {
    role,
    now,
    endorsements: readEndorsements(endorsements),
    simulatorAnchors: anchorsOf(platform),
  };
  let bundle: EvidenceBundle;
  let result: AttestationResult;
  try {
    bundle = parseEvidenceBundle(text);
    result = await verifyHandover(bundle, options);
  } catch (cause) {
    if (!(cause instanceof MalformedEvidenceError)) throw cause;
    throw refuse('handover.evidence', `the evidence of the ${role} cannot be read: ${cause.message}`);
  }
  requireGood(result, role, platform.isSimulated);
  const { handover, manifest } = bundle;
  const { claims } = result;
  // Both follow from the result; what is missing is never taken for what was checked.
  if (claims === undefined || handover === undefined) throw refuse('handover.binding', 'it is about no hand-over');
  return { bundle, handover, claims, manifest: await named(manifest), verified: options };
}

/** The root of the simulator that the platform itself is, and no other. */
export function anchorsOf({
  isSimulated,
  simulatorAnchors,
}: Pick<Platform, 'isSimulated' | 'simulatorAnchors'>): VerifyOptions['simulatorAnchors'] {
  return isSimulated ? (simulatorAnchors ?? []) : [];
}

export async function named(manifest: Manifest): Promise<NamedManifest> {
  return { name: manifest.name, number: manifest.number, digest: await manifestDigest(manifest) };
}

/** @throws UsageError `handover.malformed`. */
export function readEndorsements(given: unknown): readonly Endorsement[] {
  if (given === undefined) return [];
  const parsed = endorsementsShape.parse(given);
  if (!parsed.ok) throw malformed('what was fetched for it are no endorsements');
  const endorsements: Endorsements = parsed.value;
  return endorsementsOf(endorsements, 'the fetched endorsements');
}

/** @throws UsageError `handover.measurement`. */
export function requireLaunch(difference: LaunchDifference | undefined, role: HandoverRole): void {
  if (difference === undefined) return;
  const { register, expected, actual } = difference;
  throw refuse(
    'handover.measurement',
    `the ${role} was launched otherwise: ${register} is ${actual}, and ${expected} is wanted`,
  );
}

/** Decides by the result alone; all else of the other side is judged after it. */
export function requireGood(result: AttestationResult, role: HandoverRole, isSimulated: boolean): void {
  const { verdict } = result;
  const anchor = result.claims?.anchor;
  if (verdict === 'simulated' && (!isSimulated || anchor === undefined)) {
    const here = isSimulated ? 'another simulator than this' : 'a simulator, and this is hardware';
    throw refuse('handover.simulated', `the ${role} is in ${here}`);
  }
  if (verdict === 'verified' && isSimulated) {
    throw refuse('handover.simulated', `the ${role} is hardware, and this is a simulator`);
  }
  const decided = result.checks.find(({ id }) => id === result.decidedBy);
  const why = decided === undefined ? 'no anchor stands behind it' : `${decided.id}: ${decided.message}`;
  if (verdict === 'undetermined') {
    throw refuse('handover.endorsements', `the evidence of the ${role} cannot be judged: ${why}`);
  }
  if (verdict === 'rejected') {
    const isBinding = decided?.id.startsWith('binding.') === true || decided?.id === 'workload.manifest';
    throw refuse(
      isBinding ? 'handover.binding' : 'handover.evidence',
      `the evidence of the ${role} is rejected by ${why}`,
    );
  }
}
