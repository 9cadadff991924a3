/**
 * The part of an AppraisalPolicy that is about Intel TDX.
 *
 * @module
 */
import { either, hex, type Infer, integer, list, object, oneOf, type Shape, text } from '@vitrine/documents';

const anyOr = <T>(shape: Shape<T>): Shape<'any' | T> => either(oneOf('any'), shape);

const shape = object({
  /** Accepted TCB statuses after merging platform, TDX module and quoting enclave. */
  tcbStatus: list(
    oneOf(
      'UpToDate',
      'SWHardeningNeeded',
      'ConfigurationNeeded',
      'ConfigurationAndSWHardeningNeeded',
      'OutOfDate',
      'OutOfDateConfigurationNeeded',
    ),
  ),
  /** Advisories that may stand against a status other than UpToDate. */
  advisories: either(oneOf('none', 'any'), list(text('an advisory id such as INTEL-SA-00837', /^INTEL-[A-Z0-9-]+$/))),
  /** The least `tcbEvaluationDataNumber` of TCB info and QE identity. */
  minimumTcbEvaluationDataNumber: integer(0),
  /** Certificate revocation lists of the PCK chain and the TCB signing chain. */
  revocation: oneOf('required', 'any'),
  /** TD attribute DEBUG, with which the host reads the guest's memory. */
  debug: oneOf('refused', 'any'),
  /** TD attribute SEPT_VE_DISABLE, without which the host can inject faults on memory access. */
  septVeDisable: oneOf('required', 'any'),
  /** TD attributes that may be set but need not be. */
  optionalAttributes: either(oneOf('none'), list(oneOf('KL', 'LASS', 'PERFMON', 'PKS'))),
  /** Accepted measurements of the TDX module (MRSEAM). */
  mrseam: anyOr(list(hex(48))),
  /** Accepted machines, by PPID or platform instance id; `listed` demands a list and has none. */
  platforms: either(oneOf('any', 'listed'), list(hex(16))),
});

export type TdxPolicy = Infer<typeof shape>;
export const tdxPolicyShape: Shape<TdxPolicy> = shape;
