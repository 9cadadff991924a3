/**
 * Appraisal of the firmware behind a quote: TCB info, QE identity, TDX module, revocation, and the
 * one TCB status that follows from them.
 *
 * The status is only as good as its inputs: where one of them failed or is missing, the status was
 * not evaluated, and the input's own check says why.
 *
 * @module
 */
import { type Attempt, refuse } from '../refusal.ts';
import type { Check } from '../result.ts';
import type { DcapClaims, DcapTechnology } from './authenticate.ts';
import type { DcapEndorsements } from './endorsements.ts';
import { demandEqual, evaluated, type Origin, proceed, unavailable, unusable } from './findings.ts';
import { judgeStatus, type Tcb } from './judge-status.ts';
import { chooseLevel, type PlatformTcb } from './levels.ts';
import type { FirmwarePolicy } from './policy.ts';
import { matchQeIdentity, type QeIdentity } from './qe-identity.ts';
import type { TcbInfo } from './tcb-info.ts';
import { type IdentityLevel, mergeTcbStatus, type TcbStatus } from './tcb-status.ts';

/** Endorsements of the platform, or why there are none. */
export type AvailableEndorsements =
  | { readonly available: true; readonly origin: Origin; readonly endorsements: DcapEndorsements }
  | { readonly available: false; readonly reason: string };

/** Checks of an appraisal and what it found about the firmware. */
export interface TcbAppraisal {
  readonly checks: readonly Check[];
  /** Only when every endorsement it rests on is good. */
  readonly tcb?: Tcb;
}

/** What a technology is appraised for beside Intel's general rules. */
export interface TcbSubject {
  readonly technology: DcapTechnology;
  readonly claims: DcapClaims;
  /** TEE_TCB_SVN of a TD. */
  readonly teeTcbSvn?: readonly number[];
  /** The TDX module and its level, `undefined` for one without levels; refuses a module that TCB info does not describe. */
  readonly module?: (info: TcbInfo) => IdentityLevel | undefined;
  /** What the merged status means for this TD. */
  readonly refine?: (status: TcbStatus, facts: TcbFacts) => TcbStatus;
}

/** What a merged status was made from. */
export interface TcbFacts {
  readonly info: TcbInfo;
  readonly platform: PlatformTcb;
  readonly qeLevel: IdentityLevel;
  readonly moduleLevel: IdentityLevel | undefined;
}

/** Names of a technology in endorsements. */
const ENDORSEMENT_IDS = {
  tdx: { tcbInfo: 'TDX', qeIdentity: 'TD_QE' },
  sgx: { tcbInfo: 'SGX', qeIdentity: 'QE' },
} as const;

/** Ids of the checks of {@link appraiseTcb}, in their order. */
export function tcbChecks(technology: DcapTechnology): readonly string[] {
  const module = technology === 'tdx' ? ['module'] : [];
  return ['tcb-status', 'tcb-info', 'qe-identity', ...module, 'revocation'].map((name) => `${technology}.${name}`);
}

/** One check per id of {@link tcbChecks}. */
export function appraiseTcb(
  subject: TcbSubject,
  given: AvailableEndorsements,
  policy: FirmwarePolicy,
  now: Date,
): TcbAppraisal {
  const { technology, claims } = subject;
  if (!given.available) return { checks: withoutEndorsements(technology, given.reason, policy) };
  const { endorsements, origin } = given;
  const tcbInfo = proceed(endorsements.tcbInfo, (info) => fitTcbInfo(info, subject, policy));
  const identity = proceed(endorsements.qeIdentity, (one) => fitIdentity(one, subject, policy, tcbInfo));
  const qeLevel = proceed(identity, (one) => matchQeIdentity(claims.qeReport, one));
  const { module = () => undefined } = subject;
  const moduleLevel = proceed(tcbInfo, module);
  const anchor = claims.anchor.name;
  const ids = { tcbInfo: `${technology}.tcb-info`, qeIdentity: `${technology}.qe-identity` };
  const checks = [
    tcbInfo.ok
      ? evaluated(
          ids.tcbInfo,
          tcbInfo,
          anchor,
          ({ tcbEvaluationDataNumber: number }) =>
            `TCB info is signed under the same root, in force, and for this platform (evaluation ${number}).`,
        )
      : unusable(ids.tcbInfo, tcbInfo.refusal, anchor, origin),
    identity.ok
      ? evaluated(
          ids.qeIdentity,
          qeLevel,
          anchor,
          () => 'The quoting enclave is the one that its signed identity describes.',
        )
      : unusable(ids.qeIdentity, identity.refusal, anchor, origin),
    ...(subject.module === undefined ? [] : [moduleCheck(tcbInfo, moduleLevel, anchor)]),
    revocationCheck(technology, endorsements, anchor, policy, origin),
  ];
  const id = `${technology}.tcb-status`;
  if (!tcbInfo.ok || !qeLevel.ok || !moduleLevel.ok) {
    const rests = [
      ...(tcbInfo.ok ? [] : [`${ids.tcbInfo} (${tcbInfo.refusal.message})`]),
      ...(qeLevel.ok ? [] : [`${ids.qeIdentity} (${qeLevel.refusal.message})`]),
      ...(!tcbInfo.ok || moduleLevel.ok ? [] : [`tdx.module (${moduleLevel.refusal.message})`]),
    ];
    return { checks: [unavailable(id, `it rests on ${rests.join(' and ')}, which did not pass`), ...checks] };
  }
  const platform: PlatformTcb = {
    sgx: claims.pck.components,
    pceSvn: claims.pck.pceSvn,
    tdx: subject.teeTcbSvn,
  };
  const facts: TcbFacts = { info: tcbInfo.value, platform, qeLevel: qeLevel.value, moduleLevel: moduleLevel.value };
  const choice = chooseLevel(tcbInfo.value, platform);
  const tcb = choice.level === undefined ? undefined : combine(subject, choice.level, facts);
  return {
    checks: [{ ...judgeStatus(id, choice, tcb, policy, now), anchor }, ...checks],
    ...(tcb === undefined ? {} : { tcb }),
  };
}

function withoutEndorsements(technology: DcapTechnology, reason: string, policy: FirmwarePolicy): readonly Check[] {
  const id = `${technology}.revocation`;
  return tcbChecks(technology).map((one): Check => {
    if (one !== id || policy.revocation !== 'any') return unavailable(one, reason);
    return { id, status: 'waived', message: 'The policy does not ask for revocation lists, and none are at hand.' };
  });
}

/** Demands that TCB info is for this platform and new enough. */
function fitTcbInfo(info: TcbInfo, { technology, claims: { pck } }: TcbSubject, policy: FirmwarePolicy): TcbInfo {
  demandEqual('TCB info is of another technology', ENDORSEMENT_IDS[technology].tcbInfo, info.id);
  demandEqual('TCB info is for another kind of platform', `FMSPC ${pck.fmspc}`, `FMSPC ${info.fmspc}`);
  demandEqual('TCB info is for another provisioning certification enclave', `PCE ${pck.pceId}`, `PCE ${info.pceId}`);
  demandEvaluation('TCB info', info.tcbEvaluationDataNumber, policy);
  return info;
}

/** Demands that QE identity is for this technology, new enough and of the evaluation of TCB info. */
function fitIdentity(
  identity: QeIdentity,
  { technology }: TcbSubject,
  policy: FirmwarePolicy,
  tcbInfo: Attempt<TcbInfo>,
): QeIdentity {
  demandEqual('QE identity is of another technology', ENDORSEMENT_IDS[technology].qeIdentity, identity.id);
  demandEvaluation('QE identity', identity.tcbEvaluationDataNumber, policy);
  if (tcbInfo.ok) {
    // An old identity next to new TCB info would hide that the quoting enclave was found wanting.
    demandEqual(
      'QE identity and TCB info are of different evaluations',
      `evaluation ${tcbInfo.value.tcbEvaluationDataNumber}`,
      `evaluation ${identity.tcbEvaluationDataNumber}`,
    );
  }
  return identity;
}

function demandEvaluation(
  what: string,
  number: number,
  { minimumTcbEvaluationDataNumber: minimum }: FirmwarePolicy,
): void {
  if (number >= minimum) return;
  refuse(`${what} is of an older evaluation than the policy accepts`, {
    expected: `at least ${minimum}`,
    actual: String(number),
  });
}

function moduleCheck(tcbInfo: Attempt<TcbInfo>, level: Attempt<IdentityLevel | undefined>, anchor: string): Check {
  const id = 'tdx.module';
  if (!tcbInfo.ok) return unavailable(id, 'TCB info is not good');
  return evaluated(id, level, anchor, (found) =>
    found === undefined
      ? 'The TDX module has the signer and the attributes that TCB info states.'
      : `The TDX module has the signer and the attributes that TCB info states; its level ${found.isvSvn} is ${found.status}.`,
  );
}

function combine({ refine }: TcbSubject, level: TcbInfo['levels'][number], facts: TcbFacts): Tcb {
  const { qeLevel, moduleLevel } = facts;
  const identities = [moduleLevel, qeLevel].filter((one) => one !== undefined);
  const merged = mergeTcbStatus(
    level.status,
    identities.map(({ status }) => status),
  );
  const levels = [level, ...identities];
  return {
    status: refine?.(merged, facts) ?? merged,
    advisoryIds: [...new Set(levels.flatMap(({ advisoryIds }) => advisoryIds))],
    evaluation: facts.info.tcbEvaluationDataNumber,
    levels,
  };
}

function revocationCheck(
  technology: DcapTechnology,
  { revocation: { revoked, problem } }: DcapEndorsements,
  anchor: string,
  policy: FirmwarePolicy,
  origin: Origin,
): Check {
  const id = `${technology}.revocation`;
  if (revoked.length > 0) {
    const message = 'A certificate of this verification was revoked by its issuer.';
    return { id, status: 'failed', expected: 'no revoked certificate', actual: revoked.join(', '), anchor, message };
  }
  if (policy.revocation === 'any') {
    const state = problem === undefined ? 'those at hand list no certificate' : 'those at hand are not usable';
    return { id, status: 'waived', message: `The policy does not ask for revocation lists; ${state}.` };
  }
  if (problem !== undefined) return unusable(id, problem, anchor, origin);
  return { id, status: 'passed', anchor, message: 'No certificate of this verification is revoked.' };
}
