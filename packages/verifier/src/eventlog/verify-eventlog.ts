/**
 * Verification of an event log against registers that hardware evidence authenticated.
 *
 * An event log is no evidence by itself: it explains registers. What it says is worth as much as
 * the registers are, and nothing where they are not at hand.
 *
 * @module
 */
import { MalformedEvidenceError } from '@vitrine/documents/evidence';
import type { Check } from '../result.ts';
import { type AppraisedLog, appraiseEventLog } from './appraise.ts';
import { type AuthenticatedRegisters, authenticateEventLog, open } from './authenticate.ts';
import type { AuthenticatedEvent } from './authenticated-event.ts';
import { EVENTLOG_CHECKS } from './checks.ts';
import { type EventLog, type EventLogFormat, FORMAT_CHECK } from './event-log.ts';
import { detect, parseEventLog } from './parse.ts';
import type { EventLogPolicy } from './policy.ts';

export interface EventLogInputs {
  /** Authenticated values by name: `rtmr0` to `rtmr3`, or `pcr0` to `pcr23` of one bank; lower-case hexadecimal. */
  readonly registers: AuthenticatedRegisters;
  readonly policy: EventLogPolicy;
  /** What the registers rest on, such as `intel-sgx-root`; named in the checks. */
  readonly anchor: string;
}

export interface EventLogOutcome {
  /** All of {@link EVENTLOG_CHECKS}, in that order. */
  readonly checks: readonly Check[];
  /** In the order of the log; empty unless format, replay, payloads and order passed. */
  readonly events: readonly AuthenticatedEvent[];
}

/**
 * Verifies a log, as bytes or parsed.
 *
 * A log that cannot be read fails `eventlog.format`; nothing is thrown for it.
 *
 * @throws UsageError when `registers` are not of one bank.
 */
export async function verifyEventLog(
  log: Uint8Array<ArrayBuffer> | EventLog,
  { registers, policy, anchor }: EventLogInputs,
): Promise<EventLogOutcome> {
  let parsed: EventLog;
  try {
    parsed = log instanceof Uint8Array ? parseEventLog(log, formatFor(log, registers)) : log;
  } catch (error) {
    if (!(error instanceof MalformedEvidenceError)) throw error;
    return outcome([{ id: FORMAT_CHECK, status: 'failed', message: `${error.message}.` }], 'the log cannot be read');
  }
  const { checks, events, bank, registers: replayed } = await authenticateEventLog(parsed, registers, policy, anchor);
  if (events === undefined || bank === undefined || replayed === undefined) {
    return outcome(checks, 'the event log is not authenticated');
  }
  const authenticated: AppraisedLog = { log: parsed, events, bank, registers: replayed };
  return { checks: [...checks, ...(await appraiseEventLog(authenticated, policy, anchor))], events };
}

/** TCG logs for RTMRs and for PCRs look alike; which one is meant follows from what it has to explain. */
function formatFor(bytes: Uint8Array, registers: AuthenticatedRegisters): EventLogFormat {
  const found = detect(bytes);
  if (found !== 'either') return found;
  return registers['rtmr0'] === undefined ? 'tcg' : 'ccel';
}

/** The checks that were not reached are unavailable. */
function outcome(checks: readonly Check[], reason: string): EventLogOutcome {
  const rest = EVENTLOG_CHECKS.slice(checks.length).map(({ id }) => open(id, reason));
  return { checks: [...checks, ...rest], events: [] };
}
