/**
 * Authentication of an event log: from authenticated registers to events. Nothing that an event
 * says is looked at before the digests of all events in its register are known to be the ones that
 * were extended.
 *
 * Events of registers that the policy does not name are left out: no statement about them is made.
 *
 * @module
 */
import { toHex, UsageError } from '@vitrine/documents/evidence';
import type { Check } from '../result.ts';
import type { AuthenticatedEvent } from './authenticated-event.ts';
import { type Bank, type EventLog, FORMAT_CHECK, type LogEvent } from './event-log.ts';
import { typeName } from './event-types.ts';
import { judgeOrder, launchName } from './order.ts';
import { findPayload } from './payload.ts';
import type { EventLogPolicy } from './policy.ts';
import { hasBank, type Replay, type ReplayedEvent, replayEvents } from './replay.ts';

export interface AuthenticatedLog {
  /** `eventlog.format`, `eventlog.replay`, `eventlog.payloads`, `eventlog.order`. */
  readonly checks: readonly Check[];
  /** Only when all of them passed. */
  readonly events?: readonly AuthenticatedEvent[];
  readonly bank?: Bank;
  /** The registers that the log was compared with. */
  readonly registers?: readonly string[];
}

/** Authenticated registers by name, lower-case hexadecimal; others than `pcrN` and `rtmrN` are ignored. */
export type AuthenticatedRegisters = Readonly<Record<string, string>>;

const BANK_BY_DIGITS: ReadonlyMap<number, Bank> = new Map([
  [40, 'sha1'],
  [64, 'sha256'],
  [96, 'sha384'],
]);

/** @param anchor - What the registers rest on, such as `intel-sgx-root`. */
export async function authenticateEventLog(
  log: EventLog,
  registers: AuthenticatedRegisters,
  policy: EventLogPolicy,
  anchor: string,
): Promise<AuthenticatedLog> {
  const format: Check = {
    id: FORMAT_CHECK,
    status: 'passed',
    message: `A well-formed event log (${log.format}) with ${log.events.length} events.`,
  };
  const replayed = await judgeReplay(log, registers, policy, anchor);
  if (replayed.replay === undefined) {
    const reason = 'the event log is not authenticated by the registers';
    return { checks: [format, replayed.check, open('eventlog.payloads', reason), open('eventlog.order', reason)] };
  }
  const { bank, names } = replayed;
  const events = replayed.replay.events.filter(({ event }) => names.includes(event.register));
  const payloads = await judgePayloads(log, events, bank, anchor);
  if (payloads.events === undefined) {
    const order = open('eventlog.order', 'payloads are not what was measured');
    return { checks: [format, replayed.check, payloads.check, order] };
  }
  const order = await judgeOrder(log, events, bank);
  if (!order.ok) {
    const check = failed('eventlog.order', anchor, `The events cannot be told apart: ${order.problem}.`);
    return { checks: [format, replayed.check, payloads.check, check] };
  }
  const passedOrder = passed('eventlog.order', anchor, 'Events stand where they may stand, and none is ambiguous.');
  return {
    checks: [format, replayed.check, payloads.check, passedOrder],
    events: payloads.events.map((event, index) => ({ ...event, origin: order.origins[index] ?? 'application' })),
    bank,
    registers: names,
  };
}

type ReplayJudgement =
  | { readonly check: Check; readonly replay?: undefined }
  | { readonly check: Check; readonly replay: Replay; readonly bank: Bank; readonly names: readonly string[] };

async function judgeReplay(
  log: EventLog,
  registers: AuthenticatedRegisters,
  policy: EventLogPolicy,
  anchor: string,
): Promise<ReplayJudgement> {
  const id = 'eventlog.replay';
  const wanted = wantedRegisters(log, policy);
  const missing = wanted.find((name) => registers[name] === undefined);
  if (missing !== undefined) {
    return {
      check: open(id, `the evidence has no authenticated value of ${missing}, which the policy wants replayed`),
    };
  }
  if (wanted.length === 0) {
    return { check: failed(id, anchor, 'The log has no event in any register that the policy wants replayed.') };
  }
  const bank = bankOf(wanted, registers);
  if (bank === 'sha1') {
    return { check: failed(id, anchor, 'SHA-1 registers prove nothing: two histories with one value can be made.') };
  }
  if (!hasBank(log, bank)) {
    const difference = { expected: bank, actual: log.banks.join(', ') };
    return { check: { ...failed(id, anchor, 'The log has no digests for the bank of the registers.'), ...difference } };
  }
  const replay = await replayEvents(log, bank);
  const wrong = wanted.find((name) => replay.registers[name] !== registers[name]);
  if (wrong !== undefined) {
    const difference = { expected: `${wrong} ${registers[wrong]}`, actual: `${wrong} ${replay.registers[wrong]}` };
    const message = `The log is not the history of ${wrong}: events are missing, added, changed or in another order.`;
    return { check: { ...failed(id, anchor, message), ...difference } };
  }
  const check = passed(id, anchor, `The log replays to the authenticated values of ${wanted.join(', ')}.`);
  return { check, replay, bank, names: wanted };
}

/** A CEL tells of the registers that it has events for, and firmware logs of all. */
function wantedRegisters(log: EventLog, { rtmrs, pcrs }: EventLogPolicy): readonly string[] {
  if (log.format === 'cel') return [...new Set(log.events.map(({ register }) => register))].sort();
  if (log.registers === 'pcr') return [...new Set(pcrs)];
  return rtmrs === 'all' ? ['rtmr0', 'rtmr1', 'rtmr2', 'rtmr3'] : [...new Set(rtmrs)];
}

/** @throws UsageError when the registers are not of one bank: the caller has to pass one. */
function bankOf(names: readonly string[], registers: AuthenticatedRegisters): Bank {
  const banks = new Set(names.map((name) => BANK_BY_DIGITS.get(registers[name]?.length ?? 0)));
  const [bank] = banks;
  if (bank === undefined || banks.size !== 1) {
    throw new UsageError(
      'eventlog.registers',
      `expected ${names.join(', ')} as hexadecimal digits of one bank (20, 32 or 48 bytes), found several lengths or another one`,
    );
  }
  return bank;
}

type Unordered = Omit<AuthenticatedEvent, 'origin'>;

async function judgePayloads(
  log: EventLog,
  events: readonly ReplayedEvent[],
  bank: Bank,
  anchor: string,
): Promise<{ readonly check: Check; readonly events?: readonly Unordered[] }> {
  const id = 'eventlog.payloads';
  const found: Unordered[] = [];
  for (const { event, digest } of events) {
    // Only agents of dstack drop payloads; an empty one elsewhere is a payload of no bytes.
    const finding = await findPayload(event, digest, bank, log.format === 'dstack');
    if (finding.kind === 'mismatch') {
      const message = `The digest of an event in ${event.register} (${labelOf(event)}) is not that of its payload.`;
      return { check: { ...failed(id, anchor, message), expected: finding.wanted, actual: toHex(digest) } };
    }
    const name = launchName(event);
    found.push({
      register: event.register,
      digest: toHex(digest),
      type: typeOf(event),
      ...(name === undefined ? {} : { name }),
      ...(finding.kind === 'measured' ? { covers: finding.covers, payload: toHex(finding.payload) } : {}),
    });
  }
  const covered = found.filter(({ payload }) => payload !== undefined).length;
  const message = `${covered} of ${found.length} payloads are what was measured; of the others only the digest is known.`;
  return { check: passed(id, anchor, message), events: found };
}

function typeOf({ content }: LogEvent): string {
  if (content.kind === 'tcg') return typeName(content.type);
  return content.kind === 'runtime' ? 'dstack-runtime' : 'cos';
}

function labelOf(event: LogEvent): string {
  return JSON.stringify(launchName(event) ?? typeOf(event));
}

/** A check that was not evaluated. */
export function open(id: string, reason: string): Check {
  return { id, status: 'unavailable', message: `Not evaluated: ${reason}.` };
}

export function passed(id: string, anchor: string, message: string): Check {
  return { id, status: 'passed', anchor, message };
}

export function failed(id: string, anchor: string, message: string): Check {
  return { id, status: 'failed', anchor, message };
}
