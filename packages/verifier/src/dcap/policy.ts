/**
 * What the AppraisalPolicies of TDX and SGX have in common: the firmware and the machine.
 *
 * @module
 */
import { either, hex, type Infer, integer, list, object, oneOf, type Shape, text } from '@vitrine/documents/evidence';

/** Either written out as `any`, which waives the check, or what is accepted. */
export const anyOr = <T>(shape: Shape<T>): Shape<'any' | T> => either(oneOf('any'), shape);

/** Statuses of platforms in Intel's order, but for `Revoked`, which no policy can accept. */
export const ACCEPTABLE_STATUSES = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
] as const;

const advisories: Shape<'none' | 'any' | readonly string[]> = either(
  oneOf('none', 'any'),
  list(text('an advisory id such as INTEL-SA-00837', /^INTEL-[A-Z0-9-]+$/)),
);
const minimumTcbDate: Shape<string> = anyOr(
  text('a UTC time such as 2024-11-13T00:00:00Z', /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/),
);
const grace: Shape<'none' | { readonly days: number }> = either(oneOf('none'), object({ days: integer(1) }));
const platforms: Shape<'any' | 'listed' | readonly string[]> = either(oneOf('any', 'listed'), list(hex(16)));

/** Members of both policies, beside `tcbStatus`, whose values differ. */
export const firmwareMembers = {
  /** Advisories that may stand against a status other than UpToDate. */
  advisories,
  /** For how long an OutOfDate level is still accepted, counted from its tcbDate. */
  grace,
  /** The least tcbDate of each level that the status rests on: platform, TDX module and quoting enclave. */
  minimumTcbDate,
  /** The least `tcbEvaluationDataNumber` of TCB info and QE identity. */
  minimumTcbEvaluationDataNumber: integer(0),
  /** Certificate revocation lists of the PCK chain and the TCB signing chain. */
  revocation: oneOf('required', 'any'),
  /** Accepted machines, by PPID or platform instance id; `listed` demands a list and has none. */
  platforms,
} as const;

const firmwareShape = object(firmwareMembers);

/** What the appraisal of firmware and machine needs of either policy. */
export type FirmwarePolicy = Infer<typeof firmwareShape> & { readonly tcbStatus: readonly string[] };
