/**
 * Appraisal of the firmware behind a TDX quote: TCB info, QE identity, TDX module, revocation, and
 * the one TCB status that follows from them.
 *
 * The status is only as good as its inputs: where one of them failed or is missing, the status was
 * not evaluated, and the input's own check says why.
 *
 * @module
 */
import type { Authenticated } from '../authenticated.ts';
import type { DcapEndorsements, RevocationFinding } from '../dcap/endorsements.ts';
import { chooseLevel, type LevelChoice } from '../dcap/levels.ts';
import { matchQeIdentity, type QeIdentity } from '../dcap/qe-identity.ts';
import type { TcbInfo } from '../dcap/tcb-info.ts';
import { type IdentityLevel, mergeTcbStatus, type TcbStatus } from '../dcap/tcb-status.ts';
import { type Attempt, type Difference, RefusalError, refuse } from '../refusal.ts';
import type { Check } from '../result.ts';
import { sentence, type TdxClaims } from './authenticate.ts';
import { matchTdxModule } from './module.ts';
import type { TdxPolicy } from './policy.ts';

/** Endorsements of the platform, or why there are none. */
export type TdxEndorsements =
  | { readonly available: true; readonly endorsements: DcapEndorsements }
  | { readonly available: false; readonly reason: string };

/** Checks of an appraisal and what it found about the firmware. */
export interface TcbAppraisal {
  readonly checks: readonly Check[];
  /** Only when every endorsement it rests on is good. */
  readonly tcb?: { readonly status: TcbStatus; readonly advisoryIds: readonly string[]; readonly evaluation: number };
}

type Tcb = NonNullable<TcbAppraisal['tcb']>;

/** Checks `tdx.tcb-status`, `tdx.tcb-info`, `tdx.qe-identity`, `tdx.module`, `tdx.revocation`, in this order. */
export function appraiseTcb(claims: Authenticated<TdxClaims>, given: TdxEndorsements, policy: TdxPolicy): TcbAppraisal {
  if (!given.available) return { checks: withoutEndorsements(given.reason, policy) };
  const { endorsements } = given;
  const tcbInfo = proceed(endorsements.tcbInfo, (info) => matchTcbInfo(info, claims, policy));
  const qeLevel = proceed(endorsements.qeIdentity, (identity) => matchIdentity(identity, claims, policy, tcbInfo));
  const moduleLevel = tcbInfo.ok ? proceed(tcbInfo, (info) => matchTdxModule(claims.report, info)) : undefined;
  const anchor = claims.anchor.name;
  const checks = [
    evaluated(
      'tdx.tcb-info',
      tcbInfo,
      anchor,
      ({ tcbEvaluationDataNumber: number }) =>
        `TCB info is signed under the same root, in force, and for this platform (evaluation ${number}).`,
    ),
    evaluated(
      'tdx.qe-identity',
      qeLevel,
      anchor,
      () => 'The quoting enclave is the one that its signed identity describes.',
    ),
    moduleLevel === undefined
      ? unavailable('tdx.module', 'TCB info is not good')
      : evaluated('tdx.module', moduleLevel, anchor, (level) =>
          level === undefined
            ? 'The TDX module has the signer and the attributes that TCB info states.'
            : `The TDX module has the signer and the attributes that TCB info states; its level ${level.isvSvn} is ${level.status}.`,
        ),
    revocationCheck(endorsements, anchor, policy),
  ];
  if (!tcbInfo.ok || !qeLevel.ok || moduleLevel?.ok !== true) {
    return { checks: [unavailable('tdx.tcb-status', 'an endorsement that it rests on is not good'), ...checks] };
  }
  const choice = chooseLevel(tcbInfo.value, {
    sgx: claims.pck.components,
    pceSvn: claims.pck.pceSvn,
    tdx: claims.report.teeTcbSvn,
  });
  const tcb = combine(choice, [moduleLevel.value, qeLevel.value], tcbInfo.value);
  return {
    checks: [{ ...statusCheck(choice, tcb, policy), anchor }, ...checks],
    ...(tcb === undefined ? {} : { tcb }),
  };
}

function withoutEndorsements(reason: string, policy: TdxPolicy): readonly Check[] {
  const revocation: Check =
    policy.revocation === 'any'
      ? {
          id: 'tdx.revocation',
          status: 'waived',
          message: 'The policy does not ask for revocation lists, and none are at hand.',
        }
      : unavailable('tdx.revocation', reason);
  const ids = ['tdx.tcb-status', 'tdx.tcb-info', 'tdx.qe-identity', 'tdx.module'];
  return [...ids.map((id) => unavailable(id, reason)), revocation];
}

/** Goes on with a value unless it is a refusal, and turns a refusal on the way into one. */
function proceed<T, U>(value: Attempt<T>, next: (value: T) => U): Attempt<U> {
  if (!value.ok) return value;
  try {
    return { ok: true, value: next(value.value) };
  } catch (error) {
    if (error instanceof RefusalError) return { ok: false, refusal: error };
    throw error;
  }
}

function matchTcbInfo(info: TcbInfo, { pck }: TdxClaims, policy: TdxPolicy): TcbInfo {
  demand('TCB info is of another technology', 'TDX', info.id);
  demand('TCB info is for another kind of platform', `FMSPC ${pck.fmspc}`, `FMSPC ${info.fmspc}`);
  demand('TCB info is for another provisioning certification enclave', `PCE ${pck.pceId}`, `PCE ${info.pceId}`);
  demandEvaluation('TCB info', info.tcbEvaluationDataNumber, policy);
  return info;
}

function matchIdentity(
  identity: QeIdentity,
  claims: TdxClaims,
  policy: TdxPolicy,
  tcbInfo: Attempt<TcbInfo>,
): IdentityLevel {
  demand('QE identity is of another technology', 'TD_QE', identity.id);
  demandEvaluation('QE identity', identity.tcbEvaluationDataNumber, policy);
  if (tcbInfo.ok) {
    // An old identity next to new TCB info would hide that the quoting enclave was found wanting.
    demand(
      'QE identity and TCB info are of different evaluations',
      `evaluation ${tcbInfo.value.tcbEvaluationDataNumber}`,
      `evaluation ${identity.tcbEvaluationDataNumber}`,
    );
  }
  return matchQeIdentity(claims.qeReport, identity);
}

function demandEvaluation(what: string, number: number, { minimumTcbEvaluationDataNumber: minimum }: TdxPolicy): void {
  if (number >= minimum) return;
  refuse(`${what} is of an older evaluation than the policy accepts`, {
    expected: `at least ${minimum}`,
    actual: String(number),
  });
}

function combine(choice: LevelChoice, parts: readonly (IdentityLevel | undefined)[], info: TcbInfo): Tcb | undefined {
  if (choice.level === undefined) return undefined;
  const levels = parts.filter((level) => level !== undefined);
  const status = mergeTcbStatus(
    choice.level.status,
    levels.map((level) => level.status),
  );
  const advisoryIds = [...new Set([choice.level, ...levels].flatMap((level) => level.advisoryIds))];
  return { status, advisoryIds, evaluation: info.tcbEvaluationDataNumber };
}

function statusCheck(choice: LevelChoice, tcb: Tcb | undefined, policy: TdxPolicy): Check {
  const id = 'tdx.tcb-status';
  const expected = policy.tcbStatus.join(' or ');
  if (choice.level === undefined || tcb === undefined) {
    const { reason, difference } =
      choice.level === undefined ? choice : { reason: 'no TCB level matches', difference: {} };
    return { id, status: 'failed', expected, actual: 'no TCB level', ...difference, message: sentence(reason) };
  }
  const { status, advisoryIds } = tcb;
  const actual = advisoryIds.length === 0 ? status : `${status} (${advisoryIds.join(', ')})`;
  if (!policy.tcbStatus.some((accepted) => accepted === status)) {
    return { id, status: 'failed', expected, actual, message: `The firmware of this platform is ${status}.` };
  }
  const { advisories } = policy;
  if (status !== 'UpToDate' && advisories !== 'any') {
    const accepted = advisories === 'none' ? [] : advisories;
    const open = advisoryIds.filter((advisory) => !accepted.includes(advisory));
    if (open.length > 0) {
      const message = `The policy accepts ${status}, but not these advisories against it: ${open.join(', ')}.`;
      return { id, status: 'failed', expected: `advisories: ${accepted.join(', ') || 'none'}`, actual, message };
    }
  }
  return { id, status: 'passed', expected, actual, message: `The firmware of this platform is ${status}.` };
}

function revocationCheck({ revocation }: DcapEndorsements, anchor: string, policy: TdxPolicy): Check {
  const id = 'tdx.revocation';
  const revoked = revocation.ok ? revocation.value.revoked : [];
  if (policy.revocation === 'any' && revoked.length === 0) {
    const state = revocation.ok ? 'those at hand list no certificate' : 'those at hand are not usable';
    return { id, status: 'waived', message: `The policy does not ask for revocation lists; ${state}.` };
  }
  if (revoked.length > 0) {
    const message = 'A certificate of this verification was revoked by its issuer.';
    return { id, status: 'failed', expected: 'no revoked certificate', actual: revoked.join(', '), anchor, message };
  }
  return evaluated<RevocationFinding>(id, revocation, anchor, () => 'No certificate of this verification is revoked.');
}

function evaluated<T>(id: string, result: Attempt<T>, anchor: string, passed: (value: T) => string): Check {
  return result.ok
    ? { id, status: 'passed', anchor, message: passed(result.value) }
    : { id, status: 'failed', ...result.refusal.difference, anchor, message: sentence(result.refusal.message) };
}

function unavailable(id: string, reason: string): Check {
  return { id, status: 'unavailable', message: `Not evaluated: ${reason}.` };
}

function demand(message: string, expected: string, actual: string): void {
  const difference: Difference = { expected, actual };
  if (expected !== actual) refuse(message, difference);
}
