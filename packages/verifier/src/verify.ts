/**
 * Verification of evidence: parse, authenticate, appraise. The only entry point.
 *
 * The steps for each technology are in a folder of its name; what follows here is common to all:
 * workload, bindings, channel, provenance, verdict. No step reads a clock, the environment or a
 * network: time, endorsements and fetching are arguments, so anyone can recompute a result.
 *
 * @module
 */
import {
  type DenyList,
  digest,
  documentDigest,
  type EvidenceBundle,
  type LaunchDocument,
  MalformedEvidenceError,
  type ReferenceValues,
  reportData,
  toHex,
  UsageError,
} from '@vitrine/documents/evidence';
import { appraiseBindings, BINDING_CHECKS, type ExpectedChannel } from './bindings.ts';
import { appraiseDenied, type DeniedSubject } from './denied.ts';
import { endorsementsDigest, policyDigest } from './digests.ts';
import { type Endorsement, endorsementsOf, givenEndorsements } from './endorsement-file.ts';
import { judgeAttachedEventLog } from './eventlog/attach.ts';
import type { EventLogOutcome } from './eventlog/verify-eventlog.ts';
import type { HandoverRole } from './handover-bindings.ts';
import type { LaunchClaims, LaunchJudgement } from './launch/judge.ts';
import { limitsOf } from './limits.ts';
import type { AppraisalPolicy } from './policy.ts';
import type { AttestationResult, Check, Claims, TechnologyName } from './result.ts';
import type { SimulatorAnchor } from './simulator-anchor.ts';
import { TECHNOLOGIES } from './technologies.ts';
import type { HardwareOutcome, PlatformHint, Technology, TpmTrust } from './technology.ts';
import { decide, type Root } from './verdict.ts';
import { appraiseReference, matchingEntry, WORKLOAD_CHECKS } from './workload.ts';
import { appraiseCode } from './workload-code.ts';

/** A bundle with its documents, or hardware evidence alone, whose format is detected. */
export type Evidence =
  | { readonly kind: 'bundle'; readonly bundle: EvidenceBundle }
  | { readonly kind: 'raw'; readonly bytes: Uint8Array<ArrayBuffer> };

/** Brings endorsements for a machine. A rejection means that they could not be had. */
export type EndorsementFetcher = (platform: PlatformHint) => Promise<readonly Endorsement[]>;

export interface VerifyOptions {
  /** What is accepted; see `presets` and `parsePolicy`. */
  readonly policy: AppraisalPolicy;
  /** The time to judge for. */
  readonly now: Date;
  /** Endorsements that the caller has; those in the bundle are used too. */
  readonly endorsements: readonly Endorsement[];
  readonly referenceValues?: ReferenceValues;
  /** What they deny is refused, whoever signed them; signatures count where the policy demands a list. */
  readonly denyLists?: readonly DenyList[];
  /** Roots of simulators that the user allows. Evidence under them is `simulated` at best. */
  readonly simulatorAnchors: readonly SimulatorAnchor[];
  /** What the caller saw on its own connection; absent when the evidence comes from a file. */
  readonly channel?: ExpectedChannel;
  /** Whose part of a hand-over between two enclaves it has to be; absent: it must not be about one. */
  readonly handover?: HandoverRole;
  /** What only the caller can know about a TPM quote. */
  readonly tpm?: TpmTrust;
  /** The event log beside raw evidence; a bundle brings its own. */
  readonly eventLog?: Uint8Array<ArrayBuffer>;
  /** Takes raw evidence as this, whatever its first bytes say. */
  readonly format?: TechnologyName;
  /**
   * Asked only when no given endorsement is for this machine; absent means offline. A source that is
   * down, slow, wrong or old leaves the verdict undetermined; what is wrong with a given endorsement
   * makes it rejected.
   */
  readonly fetchEndorsements?: EndorsementFetcher;
}

/**
 * Verifies evidence against a policy.
 *
 * @returns An AttestationResult for every verdict; it is the caller's to act on, see `requireVerified`.
 * @throws MalformedEvidenceError when the input cannot be read as evidence.
 * @throws UsageError when a channel is expected of evidence that cannot name one.
 */
export async function verify(evidence: Evidence, options: VerifyOptions): Promise<AttestationResult> {
  const bundle = evidence.kind === 'bundle' ? evidence.bundle : undefined;
  if (bundle === undefined && options.channel !== undefined) {
    throw new UsageError('verify.raw-channel', 'raw hardware evidence cannot be bound to a connection: pass a bundle');
  }
  const { denyLists = [] } = options;
  const { technology, bytes } = await hardwareOf(evidence, options.format);
  const { endorsements, outcome } = await authenticateHardware(technology, bytes, bundle, options);
  const eventLog = bundle?.eventLog ?? options.eventLog;
  const log = await judgeAttachedEventLog(outcome.claims, eventLog, options.policy.eventlog);
  const root = rootOf(outcome);
  const common = await appraiseCommon(outcome, bundle, log, options);
  const checks = [...outcome.checks, ...log.checks, ...common.checks];
  const scope =
    options.policy.workload.code === 'any' && options.policy.workload.reference === 'any'
      ? 'hardware'
      : options.channel === undefined
        ? 'recorded'
        : 'live';
  return {
    type: 'vitrine/attestation-result/v1',
    ...decide(checks, root),
    scope,
    checks,
    ...(common.claims === undefined ? {} : { claims: { ...common.claims, ...eventsOf(log) } }),
    unverified: outcome.unverified,
    limits: limitsOf({ root, scope, policy: options.policy, checks, claims: common.claims }),
    digests: {
      evidence: bundle === undefined ? toHex(await digest('SHA-384', bytes)) : await bundleDigest(bundle),
      policy: await policyDigest(options.policy),
      endorsements: await endorsementsDigest(endorsements),
      referenceValues: options.referenceValues === undefined ? null : await documentDigest(options.referenceValues),
      eventLog: eventLog === undefined ? null : toHex(await digest('SHA-384', eventLog)),
      ...(denyLists.length === 0 ? {} : { denyLists: await documentDigest(denyLists) }),
    },
    time: options.now.toISOString(),
  };
}

function eventsOf({ events }: EventLogOutcome): Pick<Claims, 'events'> {
  return events.length === 0 ? {} : { events };
}

/** Which technology it is: as the bundle or the caller says, else as the first bytes do. */
async function hardwareOf(
  evidence: Evidence,
  format: TechnologyName | undefined,
): Promise<{ readonly technology: Technology; readonly bytes: Uint8Array<ArrayBuffer> }> {
  const named = evidence.kind === 'bundle' ? evidence.bundle.hardware.technology : format;
  const bytes = evidence.kind === 'bundle' ? evidence.bundle.hardware.bytes : evidence.bytes;
  const technology = named === undefined ? await recognise(bytes) : TECHNOLOGIES.find((one) => one.name === named);
  if (technology !== undefined) return { technology, bytes };
  const known = TECHNOLOGIES.map(({ called }) => called).join(', ');
  throw new MalformedEvidenceError(
    'evidence.format',
    named === undefined
      ? `neither an evidence bundle nor hardware evidence of a kind that this release knows: ${known}`
      : `unknown technology ${JSON.stringify(named)}; this release verifies: ${TECHNOLOGIES.map(({ name }) => name).join(', ')}`,
  );
}

async function recognise(bytes: Uint8Array<ArrayBuffer>): Promise<Technology | undefined> {
  for (const technology of TECHNOLOGIES) {
    if (await technology.recognises(bytes)) return technology;
  }
  return undefined;
}

/** Verifies with what is at hand; only where nothing at hand is for this machine are endorsements fetched. */
async function authenticateHardware(
  technology: Technology,
  bytes: Uint8Array<ArrayBuffer>,
  bundle: EvidenceBundle | undefined,
  options: VerifyOptions,
): Promise<{ readonly endorsements: readonly Endorsement[]; readonly outcome: HardwareOutcome }> {
  const carried = bundle?.endorsements === undefined ? [] : endorsementsOf(bundle.endorsements, 'the bundle');
  const given = [...options.endorsements, ...carried];
  // Only a TPM has the bindings' report data as a nonce of its own.
  const committed = bundle === undefined || technology.name !== 'tpm' ? {} : { committed: await committedOf(bundle) };
  const judge = (fetched: readonly Endorsement[]): Promise<HardwareOutcome> =>
    technology.verify(bytes, {
      endorsements: givenEndorsements([...given, ...fetched]),
      fetched: givenEndorsements(fetched).dcap,
      simulatorAnchors: options.simulatorAnchors,
      policy: options.policy,
      now: options.now,
      tpm: options.tpm ?? {},
      ...committed,
    });
  const outcome = await judge([]);
  const unavailable = outcome.checks.filter((check) => check.status === 'unavailable').map((check) => check.id);
  const missing = technology.needEndorsements.some((id) => unavailable.includes(id));
  const fetcher = options.fetchEndorsements;
  if (!missing || fetcher === undefined || technology.platform === undefined || !mayBeVendors(outcome)) {
    return { endorsements: given, outcome };
  }
  try {
    const fetched = await fetcher(await technology.platform(bytes));
    return { endorsements: [...given, ...fetched], outcome: await judge(fetched) };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const checks = outcome.checks.map((check) =>
      check.id === unavailable[0] ? { ...check, message: `${check.message} Fetching them failed: ${reason}` } : check,
    );
    return { endorsements: given, outcome: { ...outcome, checks } };
  }
}

/**
 * Whether endorsements of a vendor could make the evidence good: under its root, or, where the certificate that leads
 * to a root is itself to be fetched, as long as nothing stands against it.
 */
function mayBeVendors({ anchor, checks }: HardwareOutcome): boolean {
  return anchor === undefined ? checks.every(({ status }) => status !== 'failed') : !anchor.simulator;
}

function rootOf(outcome: HardwareOutcome): Root {
  if (outcome.anchor !== undefined) return outcome.anchor.simulator ? 'simulator' : 'vendor';
  return outcome.simulatorMarker ? 'simulator-not-allowed' : 'none';
}

async function appraiseCommon(
  outcome: HardwareOutcome,
  bundle: EvidenceBundle | undefined,
  log: EventLogOutcome,
  options: VerifyOptions,
): Promise<{ readonly checks: readonly Check[]; readonly claims: Claims | undefined }> {
  const { workload } = options.policy;
  const { claims, anchor } = outcome;
  if (claims === undefined || anchor === undefined) {
    const ids = [...WORKLOAD_CHECKS, ...BINDING_CHECKS, 'provenance.source'];
    return {
      claims: undefined,
      checks: ids.map((id) => ({
        id,
        status: 'unavailable',
        message: 'Not evaluated: the hardware evidence is not authenticated.',
      })),
    };
  }
  const launch =
    bundle?.launch === undefined
      ? undefined
      : await judgeAttachedLaunch(bundle.launch, { ...claims, events: log.events });
  // For the others the registers say by themselves what is measured.
  const entry =
    launch === undefined && claims.technology !== 'snp'
      ? undefined
      : await matchingEntry(claims, bundle?.boot, options.referenceValues, launch);
  const workloadChecks = [
    await appraiseReference(workload, claims, bundle?.boot, options.referenceValues, launch),
    await appraiseCode(workload, claims, bundle, anchor, {
      ...(launch === undefined ? {} : { launch }),
      ...(entry === undefined ? {} : { entry }),
      compared: options.referenceValues !== undefined,
    }),
    await appraiseDenied(workload.denied, { ...claims, ...manifestOf(bundle) }, options.denyLists ?? []),
  ];
  const bindings =
    bundle === undefined
      ? rawBindings(workload.code === 'any')
      : await appraiseBindings(bundle, claims.reportData, anchor.name, options.channel, options.handover);
  const bound = bundle !== undefined && bindings.every((check) => check.status !== 'failed');
  return {
    checks: [...workloadChecks, ...bindings, provenance(options.policy)],
    claims: bound
      ? {
          ...claims,
          manifest: bundle.manifest,
          manifestDigest: bundle.boot.manifestDigest,
          tlsSpki: bundle.boot.tlsSpki,
          sandbox: bundle.boot.sandbox,
          ...(bundle.channel?.state === undefined ? {} : { state: bundle.channel.state }),
          ...launchOf(launch),
          ...(bundle.keyStatements === undefined ? {} : { keys: bundle.keyStatements.statements }),
          ...(bundle.boot.appRoot === undefined ? {} : { appRoot: bundle.boot.appRoot }),
          ...(bundle.boot.hpkeKey === undefined ? {} : { hpkeKey: bundle.boot.hpkeKey }),
        }
      : claims,
  };
}

function manifestOf(bundle: EvidenceBundle | undefined): Pick<DeniedSubject, 'manifest'> {
  if (bundle === undefined) return {};
  const { name, number } = bundle.manifest;
  return { manifest: { digest: bundle.boot.manifestDigest, name, number } };
}

/** What the report data of the evidence in a bundle has to be: of the most special binding in it. */
function committedOf({ handover, channel, boot }: EvidenceBundle): Promise<Uint8Array<ArrayBuffer>> {
  return reportData(handover ?? channel ?? boot);
}

/** Names everything in a bundle that was judged; endorsements have a digest of their own. */
function bundleDigest({ hardware, manifest, boot, ...others }: EvidenceBundle): Promise<string> {
  const { channel, handover, keyStatements, eventLog, launch } = others;
  return documentDigest({
    hardware: toHex(hardware.bytes),
    manifest,
    boot,
    ...(channel === undefined ? {} : { channel }),
    ...(handover === undefined ? {} : { handover }),
    ...(keyStatements === undefined ? {} : { keyStatements }),
    ...(eventLog === undefined ? {} : { eventLog: toHex(eventLog) }),
    ...(launch === undefined ? {} : { launch: { kind: launch.kind, bytes: toHex(launch.bytes) } }),
  });
}

/** Loaded where a bundle has a launch document, which few have. */
async function judgeAttachedLaunch(launch: LaunchDocument, claims: LaunchClaims): Promise<LaunchJudgement> {
  const { judgeLaunch } = await import('./launch/judge.ts');
  return judgeLaunch(launch, claims);
}

function launchOf(launch: LaunchJudgement | undefined): Pick<Claims, 'launch'> {
  if (launch?.content?.ok !== true) return {};
  return { launch: { kind: launch.kind, digest: launch.digest, images: launch.content.value.images } };
}

/** A raw quote has no documents: nothing says what its report data commits to. */
function rawBindings(workloadWaived: boolean): readonly Check[] {
  return BINDING_CHECKS.map((id) =>
    workloadWaived || id === 'channel.live'
      ? { id, status: 'waived', message: 'A raw quote carries no bindings, and the policy does not ask for them.' }
      : {
          id,
          status: 'unavailable',
          message: 'A raw quote carries no bindings: its report data could commit to anything.',
        },
  );
}

function provenance(policy: AppraisalPolicy): Check {
  const id = 'provenance.source';
  return policy.provenance === 'any'
    ? { id, status: 'waived', message: 'The policy does not ask which source the code was built from.' }
    : {
        id,
        status: 'unavailable',
        message: 'The policy demands a signed statement of the source, and this release cannot check one.',
      };
}
