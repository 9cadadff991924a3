/**
 * The part of an AppraisalPolicy that is about Intel TDX.
 *
 * @module
 */
import { either, hex, type Infer, type Issue, list, object, oneOf, type Shape } from '@vitrine/documents/evidence';
import { ACCEPTABLE_STATUSES, anyOr, firmwareMembers } from '../dcap/policy.ts';

/** In the order in which they are measured. */
export const PINNED_REGISTERS = ['mrtd', 'rtmr0', 'rtmr1', 'rtmr2', 'rtmr3'] as const;
/** What is measured up to the kernel and its command line: without them, nothing vouches for whoever extends a register later. */
const LAUNCH_REGISTERS = ['mrtd', 'rtmr0', 'rtmr1', 'rtmr2'] as const;

const register: Shape<string> = anyOr(hex(48));

const shape = object({
  /** Accepted TCB statuses after merging platform, TDX module and quoting enclave. */
  tcbStatus: list(oneOf(...ACCEPTABLE_STATUSES, 'TDRelaunchAdvised', 'TDRelaunchAdvisedConfigurationNeeded')),
  ...firmwareMembers,
  /** TD attribute DEBUG, with which the host reads the guest's memory. */
  debug: oneOf('refused', 'any'),
  /** TD attribute SEPT_VE_DISABLE, without which the host can inject faults on memory access. */
  septVeDisable: oneOf('required', 'any'),
  /** TD attributes that may be set but need not be. */
  optionalAttributes: either(oneOf('none'), list(oneOf('KL', 'LASS', 'PERFMON', 'PKS'))),
  /** Accepted measurements of the TDX module (MRSEAM). */
  mrseam: anyOr(list(hex(48))),
  /** Accepted combinations; see {@link checkTdxPolicy} for which registers have to be named. */
  registers: anyOr(
    list(object({ mrtd: register, rtmr0: register, rtmr1: register, rtmr2: register, rtmr3: register })),
  ),
  /** Accepted MRSERVICETD: service TDs that may migrate or manage the TD. A TD without any is always accepted. */
  serviceTds: either(oneOf('none'), list(hex(48))),
});

export type TdxPolicy = Infer<typeof shape>;
export const tdxPolicyShape: Shape<TdxPolicy> = shape;

/**
 * What is wrong with a policy of the right shape: combinations that would pin a register without
 * what gives it a meaning. Paths start at the policy of TDX.
 */
export function checkTdxPolicy({ registers }: TdxPolicy): readonly Issue[] {
  if (registers === 'any') return [];
  return registers.flatMap((pins, index): readonly Issue[] => {
    const path = ['registers', index];
    const pinned = PINNED_REGISTERS.filter((name) => pins[name] !== 'any');
    if (pinned.length === 0) {
      return [{ path, message: 'pins no register: write "any" instead of the list, or the registers that you expect' }];
    }
    const runTime = pinned.filter((name) => name !== 'mrtd');
    const missing = LAUNCH_REGISTERS.filter((name) => pins[name] === 'any');
    if (runTime.length === 0 || missing.length === 0) return [];
    const message = `pins ${runTime.join(', ')} and leaves ${missing.join(', ')} open: whatever was launched instead could extend the same values; pin them too`;
    return [{ path, message }];
  });
}
