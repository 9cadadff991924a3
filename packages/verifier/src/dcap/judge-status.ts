/**
 * Whether a policy accepts a TCB status: by the status itself, by grace for what became outdated a
 * short time ago, by advisories, and by age.
 *
 * Dates are Intel's `tcbDate`: a level has the mitigations of all that was disclosed up to then.
 *
 * @module
 */
import type { Check } from '../result.ts';
import { failed, passed, sentence } from './findings.ts';
import type { LevelChoice } from './levels.ts';
import type { FirmwarePolicy } from './policy.ts';
import type { TcbStatus } from './tcb-status.ts';

/** One part of the TCB: platform, TDX module or quoting enclave. */
interface PartLevel {
  readonly status: TcbStatus;
  readonly date: Date;
  readonly advisoryIds: readonly string[];
}

export interface Tcb {
  /** Of the whole. */
  readonly status: TcbStatus;
  readonly advisoryIds: readonly string[];
  readonly evaluation: number;
  /** What the status rests on. */
  readonly levels: readonly PartLevel[];
}

const DAY_MS = 86_400_000;

/** What a status becomes when its outdated parts are forgiven. */
const WITHOUT_OUTDATED: ReadonlyMap<TcbStatus, TcbStatus> = new Map([
  ['OutOfDate', 'UpToDate'],
  ['OutOfDateConfigurationNeeded', 'ConfigurationNeeded'],
]);

/** The check `id`. `tcb` is what follows from the chosen level, and `undefined` without one. */
export function judgeStatus(
  id: string,
  choice: LevelChoice,
  tcb: Tcb | undefined,
  policy: FirmwarePolicy,
  now: Date,
): Check {
  const expected = policy.tcbStatus.join(' or ');
  if (choice.level === undefined || tcb === undefined) {
    const { reason, difference } =
      choice.level === undefined ? choice : { reason: 'no TCB level matches', difference: {} };
    return failed(id, sentence(reason), { expected, actual: 'no TCB level', ...difference });
  }
  const { status, advisoryIds } = tcb;
  const actual = advisoryIds.length === 0 ? status : `${status} (${advisoryIds.join(', ')})`;
  const found = `The firmware of this platform is ${status}`;
  const tooOld = olderThan(policy, tcb);
  if (tooOld !== undefined) {
    return failed(id, `${found}, and part of it is older than the policy accepts.`, {
      expected: `tcbDate of at least ${policy.minimumTcbDate}`,
      actual: `tcbDate ${tooOld.toISOString()}`,
    });
  }
  if (!policy.tcbStatus.includes(status)) {
    const grace = graceFor(policy, tcb);
    if (grace === undefined) return failed(id, `${found}.`, { expected, actual });
    const until = grace.until.toISOString();
    if (now > grace.until) {
      const difference = {
        expected: `${expected}, or a time up to ${until}`,
        actual: `${actual} at ${now.toISOString()}`,
      };
      return failed(id, `${found}, and the days of grace that the policy gives are over.`, difference);
    }
    const open = openAdvisories(policy, grace.remaining);
    if (open.length > 0) return advisoriesOpen(id, status, open, policy, actual);
    const message = `${found}; the policy accepts that until ${until}.`;
    return passed(id, message, { expected: `${expected}, or a time up to ${until}`, actual });
  }
  const open = status === 'UpToDate' ? [] : openAdvisories(policy, advisoryIds);
  if (open.length > 0) return advisoriesOpen(id, status, open, policy, actual);
  return passed(id, `${found}.`, { expected, actual });
}

/** The oldest part, where it is older than the policy accepts. */
function olderThan({ minimumTcbDate }: FirmwarePolicy, { levels }: Tcb): Date | undefined {
  if (minimumTcbDate === 'any') return undefined;
  const oldest = earliest(levels);
  return oldest !== undefined && oldest >= new Date(minimumTcbDate) ? undefined : (oldest ?? new Date(0));
}

/**
 * Until when outdated parts are forgiven, and which advisories stay: those of the parts that are
 * not outdated. `undefined` where the policy gives no grace, or would not accept the rest either.
 */
function graceFor(
  { grace, tcbStatus }: FirmwarePolicy,
  { status, levels }: Tcb,
): { readonly until: Date; readonly remaining: readonly string[] } | undefined {
  const rest = WITHOUT_OUTDATED.get(status);
  if (grace === 'none' || rest === undefined || !tcbStatus.includes(rest)) return undefined;
  const outdated = levels.filter((level) => WITHOUT_OUTDATED.has(level.status));
  const since = earliest(outdated);
  if (since === undefined) return undefined;
  const remaining = levels.filter((level) => !outdated.includes(level)).flatMap(({ advisoryIds }) => advisoryIds);
  return { until: new Date(since.getTime() + grace.days * DAY_MS), remaining };
}

function earliest(levels: readonly PartLevel[]): Date | undefined {
  return levels.map(({ date }) => date).sort((left, right) => left.getTime() - right.getTime())[0];
}

function openAdvisories({ advisories }: FirmwarePolicy, ids: readonly string[]): readonly string[] {
  if (advisories === 'any') return [];
  return advisories === 'none' ? ids : ids.filter((id) => !advisories.includes(id));
}

function advisoriesOpen(
  id: string,
  status: TcbStatus,
  open: readonly string[],
  { advisories }: FirmwarePolicy,
  actual: string,
): Check {
  const accepted = typeof advisories === 'string' ? advisories : advisories.join(', ');
  const message = `The policy accepts ${status}, but not these advisories against it: ${open.join(', ')}.`;
  return failed(id, message, { expected: `advisories: ${accepted}`, actual });
}
