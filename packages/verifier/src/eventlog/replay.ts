/**
 * Replay: what the registers hold if exactly these events were extended in this order.
 *
 * TPM 2.0 Library, part 1, section 17 (PCR): new value = H(old value ‖ digest). RTMRs are extended in
 * the same way with SHA-384 (Intel TDX Module Base Architecture Specification, "Run-Time Measurement
 * Registers"). Registers start at zeros; PCR 17 to 22 at ones; and PCR 0 ends with the locality of
 * the TPM2_Startup command where that is not 0 (PFP 1.05, section 10.4.5). EV_NO_ACTION is never extended.
 *
 * @module
 */
import { concatBytes, toHex } from '@vitrine/documents/evidence';
import { type Bank, DIGEST_BYTES, type EventLog, type LogEvent, malformed } from './event-log.ts';
import { hashIn } from './hash.ts';
import { runtimePreimage } from './payload.ts';

const PCRS = 24;
const RTMRS = 4;
const FIRST_DYNAMIC = 17;
const LAST_DYNAMIC = 22;

/** An event with the digest that the replay used for it, and its place among the events of the log. */
export interface ReplayedEvent {
  readonly event: LogEvent;
  readonly digest: Uint8Array<ArrayBuffer>;
}

export interface Replay {
  /** Final values of all registers of the log's kind, lower-case hexadecimal, by name. */
  readonly registers: Readonly<Record<string, string>>;
  /** Everything that was extended, in order. */
  readonly events: readonly ReplayedEvent[];
}

/** Whether the log has what it takes to replay a bank. */
export function hasBank({ banks, registers }: EventLog, bank: Bank): boolean {
  return banks.includes(bank) && (registers === 'pcr' || bank === 'sha384');
}

/**
 * Replays a log into all registers of one bank.
 *
 * @returns `rtmr0` to `rtmr3`, or `pcr0` to `pcr23`, as lower-case hexadecimal. Proves nothing by
 *   itself: compare with authenticated values.
 * @throws MalformedEvidenceError when the log has no such bank.
 */
export async function replay(log: EventLog, bank: Bank): Promise<Readonly<Record<string, string>>> {
  return (await replayEvents(log, bank)).registers;
}

/** Like {@link replay}, with the digests that were used. */
export async function replayEvents(log: EventLog, bank: Bank): Promise<Replay> {
  if (!hasBank(log, bank)) malformed(`no digests of ${bank} for these registers`);
  const values = startValues(log, bank);
  const events: ReplayedEvent[] = [];
  for (const event of log.events) {
    const old = values.get(event.register);
    if (!event.extended || old === undefined) continue;
    const digest = event.digests.get(bank) ?? (await derivedDigest(event, bank));
    values.set(event.register, await hashIn(bank, concatBytes(old, digest)));
    events.push({ event, digest });
  }
  return { registers: Object.fromEntries([...values].map(([name, value]) => [name, toHex(value)])), events };
}

function startValues({ registers, startupLocality }: EventLog, bank: Bank): Map<string, Uint8Array<ArrayBuffer>> {
  const values = new Map<string, Uint8Array<ArrayBuffer>>();
  const count = registers === 'pcr' ? PCRS : RTMRS;
  for (let index = 0; index < count; index++) {
    const dynamic = registers === 'pcr' && index >= FIRST_DYNAMIC && index <= LAST_DYNAMIC;
    const value = new Uint8Array(DIGEST_BYTES[bank]).fill(dynamic ? 0xff : 0);
    if (registers === 'pcr' && index === 0) value[value.length - 1] = startupLocality;
    values.set(`${registers}${index}`, value);
  }
  return values;
}

/** Agents of dstack leave the digest out where it follows from name and payload. */
async function derivedDigest({ content }: LogEvent, bank: Bank): Promise<Uint8Array<ArrayBuffer>> {
  if (content.kind !== 'runtime') return malformed(`an event without a digest of ${bank}`);
  return hashIn(bank, runtimePreimage(content));
}
