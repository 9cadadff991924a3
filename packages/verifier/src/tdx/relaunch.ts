/**
 * The relaunch rule for TDs that know two module versions: under which they were launched
 * (TEE_TCB_SVN) and which runs now (TEE_TCB_SVN_2, TD 1.5).
 *
 * A TD that was launched before its host's TDX module was updated keeps the old version in
 * TEE_TCB_SVN. Where all else is in order and the running module is the newest, such a TD is not on
 * an outdated platform: launching it again makes it up to date. The rule is that of Intel's quote
 * verification library.
 *
 * @module
 */
import type { TcbFacts } from '../dcap/appraise-tcb.ts';
import { chooseLevel, highestLevel } from '../dcap/levels.ts';
import type { TcbStatus } from '../dcap/tcb-status.ts';
import { moduleIdentityOf } from './module.ts';

/** Statuses of the platform itself under which a relaunch helps. */
const GOOD_PLATFORM: readonly TcbStatus[] = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
];

/**
 * `status`, or the relaunch status that takes its place.
 *
 * @param teeTcbSvn2 - `undefined` for a TD 1.0 body, to which the rule does not apply.
 */
export function refineForRelaunch(
  status: TcbStatus,
  facts: TcbFacts,
  teeTcbSvn2: readonly number[] | undefined,
): TcbStatus {
  const relaunch = RELAUNCH.get(status);
  if (relaunch === undefined || teeTcbSvn2 === undefined) return status;
  const { info, platform, qeLevel, moduleLevel } = facts;
  const { level } = chooseLevel(info, { ...platform, tdx: undefined });
  const onlyModuleIsOld =
    qeLevel.status === 'UpToDate' &&
    moduleLevel?.status === 'OutOfDate' &&
    level !== undefined &&
    GOOD_PLATFORM.includes(level.status);
  return onlyModuleIsOld && runsNewest(facts, teeTcbSvn2) ? relaunch : status;
}

const RELAUNCH: ReadonlyMap<TcbStatus, TcbStatus> = new Map([
  ['OutOfDate', 'TDRelaunchAdvised'],
  ['OutOfDateConfigurationNeeded', 'TDRelaunchAdvisedConfigurationNeeded'],
]);

/** Whether module and microcode that run now are at least those of the highest level. */
function runsNewest({ info }: TcbFacts, [minor = 0, major = 0, microcode = 0]: readonly number[]): boolean {
  const top = highestLevel(info).tdx;
  const [topMinor, topMicrocode] = [top[0]?.svn, top[2]?.svn];
  if (topMinor === undefined || topMicrocode === undefined || microcode < topMicrocode) return false;
  if (major === 0) return minor >= topMinor;
  const identity = moduleIdentityOf(info, major);
  return identity !== undefined && minor >= Math.max(...identity.levels.map((level) => level.isvSvn));
}
