/**
 * Parsing of TCG event logs, as firmware writes them for a TPM and as CCEL for RTMRs: crypto-agile
 * logs, and the older form with SHA-1 alone (TCG PC Client Platform Firmware Profile 1.05, sections
 * 10.2 and 10.4.5; TCG EFI Protocol Specification, section 5; UEFI 2.10, section 38). All numbers
 * are little-endian.
 *
 * Strict: the specification event says which algorithms there are, and every event has a digest of
 * each and of no other; EV_NO_ACTION has zero digests; the log ends where the bytes end. Only a
 * CCEL is padded, because it is an ACPI table of fixed size: with 0xff by EDK2, with zeros by
 * td-shim, and with nothing else, up to the end.
 *
 * @module
 */
import { concatBytes, sameBytes } from '@vitrine/documents/evidence';
import {
  DIGEST_BYTES,
  type EventLog,
  HASH_BY_ID,
  type HashName,
  type LogEvent,
  MAX_EVENTS,
  malformed,
} from './event-log.ts';
import { EventType } from './event-types.ts';
import { finish, type Reader, readerOf, remaining, takeBytes, takeUint8, takeUint16, takeUint32 } from './reader.ts';

const SPEC_ID_EVENT = asciiZ('Spec ID Event03');
const STARTUP_LOCALITY = asciiZ('StartupLocality');
const TD_SHIM = new TextEncoder().encode('td-shim');
const LAST_PCR = 23;
const SHA1_ONLY: readonly HashName[] = ['sha1'];

interface RawEvent {
  readonly index: number;
  readonly type: number;
  readonly digests: ReadonlyMap<HashName, Uint8Array<ArrayBuffer>>;
  readonly data: Uint8Array<ArrayBuffer>;
}

/**
 * Reads a TCG event log.
 *
 * @param format - What its register indexes mean; where it is not known, the log is a CCEL if its
 *   first event says so: EDK2 writes it with index 1, td-shim with its own name.
 * @throws MalformedEvidenceError
 */
export function parseTcgLog(bytes: Uint8Array<ArrayBuffer>, format?: 'tcg' | 'ccel'): EventLog {
  const reader = readerOf(bytes, 'TCG event log');
  const first = readLegacyEvent(reader);
  if (first.type === EventType.noAction && startsWith(first.data, SPEC_ID_EVENT)) {
    const { banks, vendor } = readSpecification(first);
    const found = first.index === 1 || sameBytes(vendor, TD_SHIM) ? 'ccel' : 'tcg';
    return assemble(format ?? found, banks, readEvents(reader, banks, format ?? found));
  }
  if (format === 'ccel') malformed('a CCEL begins with a "Spec ID Event03", which is not there');
  const events = [first];
  while (remaining(reader) > 0) pushEvent(events, readLegacyEvent(reader));
  return assemble('tcg', SHA1_ONLY, events);
}

/** TCG_PCClientPCREvent: the form of the first event, and of all events of an older log. */
function readLegacyEvent(reader: Reader): RawEvent {
  const index = takeUint32(reader);
  const type = takeUint32(reader);
  const digest = takeBytes(reader, DIGEST_BYTES.sha1);
  return { index, type, digests: new Map([['sha1', digest]]), data: takeBytes(reader, takeUint32(reader)) };
}

/** TCG_EfiSpecIDEvent. */
function readSpecification({ index, digests, data }: RawEvent): {
  readonly banks: readonly HashName[];
  readonly vendor: Uint8Array<ArrayBuffer>;
} {
  if (index > 1) malformed(`the "Spec ID Event03" has register index ${index}, expected 0 or 1`);
  if ([...digests.values()].some((digest) => !isZero(digest))) malformed('the "Spec ID Event03" has a digest');
  const reader = readerOf(data, 'Spec ID Event03');
  takeBytes(reader, SPEC_ID_EVENT.length);
  // Platform class, then minor and major version, errata and the size of a native integer.
  takeUint32(reader);
  const [, major] = takeBytes(reader, 4);
  if (major !== 2) malformed(`Spec ID Event03: specification version ${major} is not supported; supported: 2`);
  const count = takeUint32(reader);
  const banks: HashName[] = [];
  for (let index = 0; index < count; index++) {
    const name = hashName(takeUint16(reader));
    const size = takeUint16(reader);
    if (size !== DIGEST_BYTES[name]) malformed(`Spec ID Event03: ${size} bytes for a digest of ${name}`);
    if (banks.includes(name)) malformed(`Spec ID Event03: ${name} stands there twice`);
    banks.push(name);
  }
  if (banks.length === 0) malformed('Spec ID Event03: no algorithm');
  const vendor = takeBytes(reader, takeUint8(reader));
  finish(reader);
  return { banks, vendor };
}

function readEvents(reader: Reader, banks: readonly HashName[], format: 'tcg' | 'ccel'): readonly RawEvent[] {
  const events: RawEvent[] = [];
  while (remaining(reader) > 0 && !(format === 'ccel' && isPadding(reader)))
    pushEvent(events, readEvent(reader, banks));
  return events;
}

/** TCG_PCR_EVENT2. */
function readEvent(reader: Reader, banks: readonly HashName[]): RawEvent {
  const index = takeUint32(reader);
  const type = takeUint32(reader);
  const count = takeUint32(reader);
  if (count !== banks.length) malformed(`an event has ${count} digests, its log says ${banks.length}`);
  const digests = new Map<HashName, Uint8Array<ArrayBuffer>>();
  for (let index = 0; index < count; index++) {
    const name = hashName(takeUint16(reader));
    if (!banks.includes(name)) malformed(`an event has a digest of ${name}, its log says ${banks.join(', ')}`);
    if (digests.has(name)) malformed(`an event has two digests of ${name}`);
    digests.set(name, takeBytes(reader, DIGEST_BYTES[name]));
  }
  return { index, type, digests, data: takeBytes(reader, takeUint32(reader)) };
}

/**
 * Whether everything from here on is fill. No event begins like it: 0xffffffff is no register, and
 * an event of index 0 and type 0 has digests, hence a count other than zero.
 */
function isPadding({ bytes, offset }: Reader): boolean {
  const fill = bytes[offset];
  if (fill !== 0 && fill !== 0xff) return false;
  const head = bytes.subarray(offset, offset + 12);
  if (head.some((byte) => byte !== fill)) return false;
  for (let index = offset; index < bytes.length; index++) {
    if (bytes[index] !== fill) malformed(`the fill that begins at ${offset} is broken at ${index}`);
  }
  return true;
}

function pushEvent(events: RawEvent[], event: RawEvent): void {
  if (events.length >= MAX_EVENTS) malformed(`more than ${MAX_EVENTS} events`);
  events.push(event);
}

function assemble(format: 'tcg' | 'ccel', banks: readonly HashName[], raw: readonly RawEvent[]): EventLog {
  let locality: 0 | 3 | 4 | undefined;
  let measured = false;
  const events = raw.map(({ index, type, digests, data }): LogEvent => {
    const extended = type !== EventType.noAction;
    const register = format === 'ccel' ? rtmrOf(index, extended) : pcrOf(index);
    if (!extended && [...digests.values()].some((digest) => !isZero(digest))) {
      malformed('an EV_NO_ACTION event has a digest, which is never extended');
    }
    if (format === 'tcg' && !extended && startsWith(data, STARTUP_LOCALITY)) {
      if (locality !== undefined) malformed('a second StartupLocality event');
      if (register !== 'pcr0' || measured) malformed('a StartupLocality event after the first measurement into PCR 0');
      locality = readLocality(data);
    }
    measured ||= extended && register === 'pcr0';
    return { register, extended, digests, content: { kind: 'tcg', type, data } };
  });
  return { format, registers: format === 'ccel' ? 'rtmr' : 'pcr', banks, startupLocality: locality ?? 0, events };
}

function readLocality(data: Uint8Array<ArrayBuffer>): 0 | 3 | 4 {
  const [value, ...more] = data.subarray(STARTUP_LOCALITY.length);
  if (more.length === 0 && (value === 0 || value === 3 || value === 4)) return value;
  return malformed('a StartupLocality event without one of the localities 0, 3, 4');
}

/** UEFI 2.10, section 38: index 0 is MRTD, which is complete before there is a log. */
function rtmrOf(index: number, extended: boolean): string {
  if (index >= 1 && index <= 4) return `rtmr${index - 1}`;
  if (index === 0 && !extended) return 'none';
  return malformed(`measurement register ${index}; RTMR0 to RTMR3 are 1 to 4`);
}

function pcrOf(index: number): string {
  return index <= LAST_PCR ? `pcr${index}` : malformed(`PCR ${index}; a TPM of a PC has 0 to ${LAST_PCR}`);
}

function hashName(id: number): HashName {
  return HASH_BY_ID.get(id) ?? malformed(`hash algorithm 0x${id.toString(16)} is not supported`);
}

function startsWith(bytes: Uint8Array, head: Uint8Array): boolean {
  return sameBytes(bytes.subarray(0, head.length), head);
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

function asciiZ(text: string): Uint8Array<ArrayBuffer> {
  return concatBytes(new TextEncoder().encode(text), Uint8Array.of(0));
}
