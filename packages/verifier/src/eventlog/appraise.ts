/**
 * Appraisal of authenticated events against the policy: Secure Boot, launch events, closed
 * registers, what the application added.
 *
 * @module
 */
import type { Check } from '../result.ts';
import { failed, passed } from './authenticate.ts';
import type { AuthenticatedEvent } from './authenticated-event.ts';
import type { Bank, EventLog } from './event-log.ts';
import type { EventLogPolicy } from './policy.ts';
import { readSecureBoot, secureBootRegister } from './secure-boot.ts';

/** What was authenticated, by which bank and for which registers. */
export interface AppraisedLog {
  readonly log: EventLog;
  readonly events: readonly AuthenticatedEvent[];
  readonly bank: Bank;
  readonly registers: readonly string[];
}

/** `eventlog.secure-boot` and `eventlog.content`. */
export async function appraiseEventLog(
  input: AppraisedLog,
  policy: EventLogPolicy,
  anchor: string,
): Promise<readonly Check[]> {
  return [await appraiseSecureBoot(input, policy, anchor), appraiseContent(input, policy, anchor)];
}

async function appraiseSecureBoot(
  { log, events, bank, registers }: AppraisedLog,
  policy: EventLogPolicy,
  anchor: string,
): Promise<Check> {
  const id = 'eventlog.secure-boot';
  if (policy.secureBoot === 'any') {
    return { id, status: 'waived', message: 'The policy does not ask for Secure Boot.' };
  }
  const register = secureBootRegister(log);
  if (!registers.includes(register)) {
    return { id, status: 'unavailable', message: `Not evaluated: ${register} was not replayed from this log.` };
  }
  const found = await readSecureBoot(log, events, bank);
  if (found === 'on') return passed(id, anchor, 'Firmware measured that Secure Boot is on.');
  return {
    ...failed(id, anchor, `Firmware did not measure, once and before it handed over, that Secure Boot is on.`),
    expected: 'on',
    actual: found,
  };
}

function appraiseContent({ events, registers }: AppraisedLog, policy: EventLogPolicy, anchor: string): Check {
  const id = 'eventlog.content';
  const { launchEvents, digests, applicationEvents } = policy;
  if (launchEvents === 'any' && digests === 'any' && applicationEvents === 'any') {
    return { id, status: 'waived', message: 'The policy accepts any event.' };
  }
  const added = events.find(({ origin }) => origin === 'application');
  if (applicationEvents === 'refused' && added !== undefined) {
    return {
      ...failed(id, anchor, `The application extended ${added.register}, which the policy refuses.`),
      actual: added.name ?? added.digest,
    };
  }
  const launched = launchEvents === 'any' ? undefined : appraiseLaunch(events, launchEvents);
  const closed = digests === 'any' ? undefined : appraiseDigests(events, registers, digests);
  const problem = launched ?? closed;
  if (problem === undefined) return passed(id, anchor, 'The events are the ones that the policy accepts.');
  const { message, ...difference } = problem;
  return { ...failed(id, anchor, message), ...difference };
}

interface Problem {
  readonly message: string;
  readonly expected: string;
  readonly actual: string;
}

/** Every event of a name counts, so that a second one of another payload cannot hide. */
function appraiseLaunch(
  events: readonly AuthenticatedEvent[],
  accepted: Readonly<Record<string, readonly string[]>>,
): Problem | undefined {
  const launch = events.filter(({ origin, name }) => origin === 'platform' && name !== undefined);
  for (const [name, payloads] of Object.entries(accepted)) {
    const found = launch.filter((event) => event.name === name);
    const expected = payloads.join(', ');
    if (found.length === 0) return { message: `There is no launch event "${name}".`, expected, actual: 'none' };
    const other = found.find(({ payload }) => payload === undefined || !payloads.includes(payload));
    if (other !== undefined) {
      const message = `The launch event "${name}" has a payload that the policy does not list.`;
      return { message, expected, actual: other.payload ?? 'unknown' };
    }
  }
  return undefined;
}

/** A register that was not replayed is a failure: nothing is known of what went into it. */
function appraiseDigests(
  events: readonly AuthenticatedEvent[],
  registers: readonly string[],
  accepted: Readonly<Record<string, readonly string[]>>,
): Problem | undefined {
  for (const [register, digests] of Object.entries(accepted)) {
    const expected = `only listed digests in ${register}`;
    if (!registers.includes(register)) {
      return { message: `${register} was not replayed from this log.`, expected, actual: 'not replayed' };
    }
    const other = events.find((event) => event.register === register && !digests.includes(event.digest));
    if (other !== undefined) {
      return {
        message: `Something that the policy does not list went into ${register}.`,
        expected,
        actual: other.digest,
      };
    }
  }
  return undefined;
}
