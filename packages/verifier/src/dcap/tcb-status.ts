/**
 * TCB statuses and how those of platform, TDX module and quoting enclave become one.
 *
 * The order of precedence is that of Intel's quote verification library: what is known of the
 * configuration survives an outdated module, which a plain maximum of severities would lose.
 *
 * @module
 */
import { refuse } from '../refusal.ts';
import { type Fields, integerField, listField, objectField, textField, textsField, timeField } from './fields.ts';

/** Statuses of a platform level. */
export type TcbStatus =
  | 'UpToDate'
  | 'SWHardeningNeeded'
  | 'ConfigurationNeeded'
  | 'ConfigurationAndSWHardeningNeeded'
  | 'OutOfDate'
  | 'OutOfDateConfigurationNeeded'
  | 'Revoked'
  /** The platform is good, the TD was launched under an older TDX module; only made by `../tdx/relaunch.ts`. */
  | 'TDRelaunchAdvised'
  | 'TDRelaunchAdvisedConfigurationNeeded';

/** Statuses of a platform level in TCB info: the relaunch ones follow from a quote. */
export type LevelStatus = Exclude<TcbStatus, `TDRelaunch${string}`>;

/** Statuses of a level of the TDX module or of the quoting enclave. */
export type IdentityStatus = 'UpToDate' | 'OutOfDate' | 'Revoked';

/** One level of an identity that has a single security version. */
export interface IdentityLevel {
  readonly isvSvn: number;
  readonly status: IdentityStatus;
  readonly date: Date;
  readonly advisoryIds: readonly string[];
}

const IDENTITY_STATUS = /^(?:UpToDate|OutOfDate|Revoked)$/;

/** The status of the whole from that of the platform's level and those of module and quoting enclave. */
export function mergeTcbStatus(platform: LevelStatus, parts: readonly IdentityStatus[]): LevelStatus {
  if (platform === 'Revoked' || parts.includes('Revoked')) return 'Revoked';
  if (!parts.includes('OutOfDate')) return platform;
  switch (platform) {
    case 'UpToDate':
    case 'SWHardeningNeeded':
    case 'OutOfDate':
      return 'OutOfDate';
    case 'ConfigurationNeeded':
    case 'ConfigurationAndSWHardeningNeeded':
    case 'OutOfDateConfigurationNeeded':
      return 'OutOfDateConfigurationNeeded';
  }
}

/** The highest level that `isvSvn` reaches, whatever the order of the JSON; `undefined` below the lowest. */
export function identityLevelOf(levels: readonly IdentityLevel[], isvSvn: number): IdentityLevel | undefined {
  return levels.filter((level) => level.isvSvn <= isvSvn).sort((left, right) => right.isvSvn - left.isvSvn)[0];
}

/** Levels `{ tcb: { isvsvn }, tcbDate, tcbStatus, advisoryIDs? }`, no version twice. */
export function readIdentityLevels(fields: Fields): readonly IdentityLevel[] {
  const levels = listField(fields, 'tcbLevels', 1).map(
    (level): IdentityLevel => ({
      isvSvn: integerField(objectField(level, 'tcb'), 'isvsvn', 0xffff),
      status: textField(level, 'tcbStatus', IDENTITY_STATUS, 'UpToDate, OutOfDate or Revoked') as IdentityStatus,
      date: timeField(level, 'tcbDate'),
      advisoryIds: readAdvisoryIds(level),
    }),
  );
  refuseRepeated(
    levels.map((level) => String(level.isvSvn)),
    `${fields.place}.tcbLevels`,
  );
  return levels;
}

/** Ids such as `INTEL-SA-00837`; an absent list is an empty one. */
export function readAdvisoryIds(level: Fields): readonly string[] {
  return textsField(level, 'advisoryIDs', /^[A-Z0-9-]{1,64}$/, 'an advisory id');
}

/** Two entries under one key would leave it to the order of the JSON which of them counts. */
export function refuseRepeated(keys: readonly string[], place: string): void {
  const repeated = keys.find((key, index) => keys.indexOf(key) !== index);
  if (repeated !== undefined) refuse(`${place}: two entries for the same key`, { actual: repeated });
}
