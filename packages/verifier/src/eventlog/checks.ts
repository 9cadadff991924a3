/**
 * The checks on event logs, in their fixed order, and what each is for.
 *
 * @module
 */
import type { CheckInfo } from '../technology.ts';

export const EVENTLOG_CHECKS: readonly CheckInfo[] = [
  {
    id: 'eventlog.format',
    what: 'The event log is one whole log of a known format, with a digest of every algorithm that it names, and nothing after its end but the fill that firmware writes.',
    attack:
      'Whoever carries the log could hide events behind a fill or a false length, or add digests of an algorithm that no register was extended with, and two readers would see two histories.',
    specification:
      'TCG PC Client Platform Firmware Profile 1.05, section 10; UEFI 2.10, section 38; TCG Canonical Event Log Format 1.0; dstack event log, versions 1 and 2',
  },
  {
    id: 'eventlog.replay',
    what: 'Replayed from the start values, the log gives the authenticated value of every register that the policy names.',
    attack:
      'The host could leave out, add, reorder or repeat events: the log would tell of another boot than the one that the hardware measured.',
    specification:
      'TPM 2.0 Library part 1, section 17; TCG PC Client Platform Firmware Profile 1.05, section 3.3; Intel TDX Module, run-time measurement registers',
  },
  {
    id: 'eventlog.payloads',
    what: 'Where the digest of an event is defined as a hash of its payload, it is that hash; all other payloads are left out of the result.',
    attack:
      'The host could keep every digest, so that the replay still succeeds, and write another configuration beside it.',
    specification: 'TCG PC Client Platform Firmware Profile 1.05, section 10.4.1; dstack event log, versions 1 and 2',
  },
  {
    id: 'eventlog.order',
    what: 'Launch events stand once and before the event that ends the launch, all of them can be read, and no later event bears a name of the platform; each firmware PCR has one separator.',
    attack:
      'An application that can extend the register could add a second compose-hash or app-id and pass for another application.',
    specification: 'dstack, RTMR3 launch events; TCG PC Client Platform Firmware Profile 1.05, section 3.3.4',
  },
  {
    id: 'eventlog.secure-boot',
    what: 'Firmware measured, before it handed over, that UEFI Secure Boot is on.',
    attack: 'The host could boot a kernel that nobody signed, with a log that says nothing about it.',
    specification: 'TCG PC Client Platform Firmware Profile 1.05, section 3.3.4.8; UEFI 2.10, section 32',
  },
  {
    id: 'eventlog.content',
    what: 'The launch events and digests that the policy names are there, and no others where the policy closes a register.',
    attack: 'The genuine platform could have been started with an application or an image that was never accepted.',
    specification: 'The AppraisalPolicy, section eventlog',
  },
];
