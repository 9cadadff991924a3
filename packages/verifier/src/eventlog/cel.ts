/**
 * Parsing of canonical event logs in the encoding CEL-TLV, as far as they are seen in the field:
 * the log of Google's Confidential Space launcher, whose contents are of the type `COS` (TCG
 * Canonical Event Log Format 1.0; the type is Google's). Lengths are big-endian.
 *
 * Each content is hashed as it stands, so its type is measured too. Contents of other types are
 * refused by name: no rule would say what their digests stand for, and an event that cannot be read
 * could hide one that matters. CEL-JSON and CEL-CBOR are refused too; there is no real log of either.
 *
 * @module
 */
import {
  DIGEST_BYTES,
  type EventLog,
  HASH_BY_ID,
  type HashName,
  type LogEvent,
  MAX_EVENTS,
  malformed,
} from './event-log.ts';
import { finish, type Reader, readerOf, remaining, takeBytes, takeUint8, takeUint32BigEndian } from './reader.ts';

const FieldType = { recordNumber: 0, pcr: 1, digests: 3, ccMr: 108, cos: 80 } as const;
const RECORD_NUMBER_BYTES = 8;
/**
 * Where the launcher writes. Elsewhere, for instance in PCR 16 or 23, which software can reset, the
 * same events could be written by anybody.
 */
const LAUNCH_PCR = 13;
const LAUNCH_CC_MR = 4;

interface Tlv {
  readonly type: number;
  readonly value: Uint8Array<ArrayBuffer>;
  /** Type, length and value. */
  readonly encoded: Uint8Array<ArrayBuffer>;
}

/** Whether `bytes` begin with record 0 of a CEL-TLV. Decides nothing but which parser is asked. */
export function looksLikeCel(bytes: Uint8Array): boolean {
  const head = [FieldType.recordNumber, 0, 0, 0, RECORD_NUMBER_BYTES, 0, 0, 0, 0, 0, 0, 0, 0];
  const register = bytes[head.length];
  return (
    head.every((byte, index) => bytes[index] === byte) &&
    (register === FieldType.pcr || register === FieldType.ccMr) &&
    bytes[head.length + 4] === 1
  );
}

/**
 * Reads a CEL-TLV with contents of the type COS.
 *
 * @throws MalformedEvidenceError
 */
export function parseCel(bytes: Uint8Array<ArrayBuffer>): EventLog {
  const reader = readerOf(bytes, 'CEL-TLV');
  const events: LogEvent[] = [];
  while (remaining(reader) > 0) {
    if (events.length >= MAX_EVENTS) malformed(`more than ${MAX_EVENTS} events`);
    events.push(readRecord(reader, events.length));
  }
  const [first] = events;
  if (first === undefined) return malformed('CEL-TLV without a record');
  const banks = [...first.digests.keys()];
  for (const { register, digests } of events) {
    if (register.slice(0, 3) !== first.register.slice(0, 3)) malformed('records for PCRs and for RTMRs in one log');
    if (digests.size !== banks.length || !banks.every((bank) => digests.has(bank))) {
      malformed('records with digests of different algorithms');
    }
  }
  const registers = first.register.startsWith('pcr') ? 'pcr' : 'rtmr';
  return { format: 'cel', registers, banks, startupLocality: 0, events };
}

function readRecord(reader: Reader, expected: number): LogEvent {
  const number = expectField(reader, FieldType.recordNumber, 'record number');
  const value = new DataView(number.value.buffer, number.value.byteOffset, number.value.length);
  if (number.value.length !== RECORD_NUMBER_BYTES) malformed(`a record number of ${number.value.length} bytes`);
  if (value.getBigUint64(0) !== BigInt(expected)) {
    malformed(`record number ${value.getBigUint64(0)} where ${expected} is expected`);
  }
  const register = readRegister(takeTlv(reader));
  const digests = readDigests(expectField(reader, FieldType.digests, 'digests'));
  const content = takeTlv(reader);
  if (content.type !== FieldType.cos) {
    malformed(`content of type ${content.type} is not supported; supported: ${FieldType.cos} (COS)`);
  }
  const nested = readerOf(content.value, 'content of type COS');
  const { type, value: payload } = takeTlv(nested);
  finish(nested);
  return { register, extended: true, digests, content: { kind: 'cos', type, payload, encoded: content.encoded } };
}

function readRegister({ type, value }: Tlv): string {
  const [index = 0, ...more] = value;
  if (value.length === 0 || more.length > 0) malformed(`a register index of ${value.length} bytes`);
  if (type === FieldType.pcr && index === LAUNCH_PCR) return `pcr${index}`;
  if (type === FieldType.ccMr && index === LAUNCH_CC_MR) return 'rtmr3';
  return malformed(`register ${index} of kind ${type}; a launch is in PCR 13 (kind 1) or in RTMR3 (4 of kind 108)`);
}

function readDigests({ value }: Tlv): ReadonlyMap<HashName, Uint8Array<ArrayBuffer>> {
  const reader = readerOf(value, 'digests');
  const digests = new Map<HashName, Uint8Array<ArrayBuffer>>();
  while (remaining(reader) > 0) {
    const { type, value: digest } = takeTlv(reader);
    const name = HASH_BY_ID.get(type) ?? malformed(`hash algorithm 0x${type.toString(16)} is not supported`);
    if (digest.length !== DIGEST_BYTES[name]) malformed(`${digest.length} bytes for a digest of ${name}`);
    if (digests.has(name)) malformed(`two digests of ${name} in one record`);
    digests.set(name, digest);
  }
  if (digests.size === 0) malformed('a record without a digest');
  return digests;
}

function expectField(reader: Reader, type: number, what: string): Tlv {
  const field = takeTlv(reader);
  return field.type === type ? field : malformed(`CEL-TLV: field ${field.type} where a ${what} (${type}) is expected`);
}

function takeTlv(reader: Reader): Tlv {
  const start = reader.offset;
  const type = takeUint8(reader);
  const value = takeBytes(reader, takeUint32BigEndian(reader));
  return { type, value, encoded: reader.bytes.subarray(start, reader.offset) };
}
