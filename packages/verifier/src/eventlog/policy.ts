/**
 * The part of an AppraisalPolicy that is about event logs.
 *
 * Reference values judge registers as a whole and need no log. A log serves policies that accept
 * part of a register: one launch event out of several, or Secure Boot whatever the boot order is.
 *
 * @module
 */
import { either, type Infer, list, mapOf, object, oneOf, type Shape, text } from '@vitrine/documents/evidence';

const digest: Shape<string> = text(
  'a digest of 32 or 48 bytes as lower-case hexadecimal digits',
  /^(?:[0-9a-f]{64}|[0-9a-f]{96})$/,
);
const payload: Shape<string> = text('bytes as lower-case hexadecimal digits', /^(?:[0-9a-f]{2})*$/);

const shape = object({
  /** Whether evidence must come with an event log. One that is there is judged in any case. */
  log: oneOf('required', 'any'),
  /** The RTMRs that a log must replay to. */
  rtmrs: either(oneOf('all'), list(oneOf('rtmr0', 'rtmr1', 'rtmr2', 'rtmr3'))),
  /**
   * The PCRs that a log must replay to. Some systems extend PCR 8 and above without a trace in this
   * log. PCR 16 to 23 are left out: software can reset some of them, so they hold no history of a boot.
   */
  pcrs: list(text('a PCR, pcr0 to pcr15', /^pcr(?:[0-9]|1[0-5])$/)),
  /** UEFI Secure Boot, as firmware measured it before it handed over. */
  secureBoot: oneOf('required', 'any'),
  /** What an application extended: after the end of a launch, or into an RTMR3 without one. */
  applicationEvents: oneOf('any', 'refused'),
  /** Launch events of the platform that must be there, by name, with the payloads accepted for each. */
  launchEvents: either(oneOf('any'), mapOf(/^[a-z][a-z0-9-]*$/, list(payload), 1)),
  /** Registers in which nothing but these digests may have been extended, in any order. */
  digests: either(oneOf('any'), mapOf(/^(?:rtmr[0-3]|pcr(?:[0-9]|1[0-5]))$/, list(digest), 1)),
});

export type EventLogPolicy = Infer<typeof shape>;
export const eventLogPolicyShape: Shape<EventLogPolicy> = shape;
