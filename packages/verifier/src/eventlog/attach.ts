/**
 * An event log beside hardware evidence: the one function that joins them. Which registers of the
 * claims a log may explain is decided here and nowhere else.
 *
 * @module
 */
import type { Check } from '../result.ts';
import type { HardwareClaims } from '../technology.ts';
import { EVENTLOG_CHECKS } from './checks.ts';
import type { EventLogPolicy } from './policy.ts';
import type { EventLogOutcome } from './verify-eventlog.ts';

const EXPLAINABLE = /^(?:rtmr[0-3]|pcr(?:[0-9]|1[0-9]|2[0-3]))$/;

/**
 * Judges the event log that came with evidence, or its absence.
 *
 * @param claims - Of hardware evidence whose signature chain is good; absent otherwise.
 * @param log - As handed in; absent where none was.
 * @returns All checks on event logs, in their fixed order.
 */
export async function judgeAttachedEventLog(
  claims: HardwareClaims | undefined,
  log: Uint8Array<ArrayBuffer> | undefined,
  policy: EventLogPolicy,
): Promise<EventLogOutcome> {
  if (log === undefined) return { checks: withoutLog(policy), events: [] };
  if (claims === undefined)
    return { checks: all('unavailable', 'the hardware evidence is not authenticated'), events: [] };
  const registers = Object.fromEntries(Object.entries(claims.registers).filter(([name]) => EXPLAINABLE.test(name)));
  if (Object.keys(registers).length === 0) {
    const reason = 'this kind of evidence has no registers that a log could explain';
    return { checks: all('unavailable', reason), events: [] };
  }
  const { verifyEventLog } = await import('./verify-eventlog.ts');
  return verifyEventLog(log, { registers, policy, anchor: claims.anchor });
}

function withoutLog(policy: EventLogPolicy): readonly Check[] {
  const demanded =
    policy.log === 'required' ||
    policy.secureBoot === 'required' ||
    policy.applicationEvents === 'refused' ||
    policy.launchEvents !== 'any' ||
    policy.digests !== 'any';
  if (demanded) return all('unavailable', 'no event log was given, and the policy asks for what only a log can show');
  return EVENTLOG_CHECKS.map(({ id }) => ({
    id,
    status: 'waived',
    message: 'No event log was given, and the policy does not ask for one.',
  }));
}

function all(status: 'unavailable', reason: string): readonly Check[] {
  return EVENTLOG_CHECKS.map(({ id }) => ({ id, status, message: `Not evaluated: ${reason}.` }));
}
