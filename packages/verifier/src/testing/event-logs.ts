/**
 * Event logs made for tests: good in everything, except for what a test changes.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { concatBytes, toHex } from '@vitrine/documents';
import type { Bank } from '../eventlog/event-log.ts';
import type { EventLogPolicy } from '../eventlog/policy.ts';

/** Asks for nothing but a replay. */
export const ANY_EVENTS: EventLogPolicy = {
  log: 'any',
  rtmrs: 'all',
  pcrs: ['pcr0', 'pcr1', 'pcr2', 'pcr3', 'pcr4', 'pcr5', 'pcr6', 'pcr7'],
  secureBoot: 'any',
  applicationEvents: 'any',
  launchEvents: 'any',
  digests: 'any',
};

const BANKS = { sha1: [0x0004, 20], sha256: [0x000b, 32], sha384: [0x000c, 48] } as const;

export function hashOf(bank: Bank, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash(bank).update(bytes).digest());
}

/** One event of a TCG log. Digests default to those of the data. */
export interface MadeEvent {
  readonly index: number;
  readonly type: number;
  readonly data: Uint8Array;
  readonly digests?: Readonly<Partial<Record<Bank, Uint8Array>>>;
}

export function u16(value: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(value, value >>> 8);
}

export function u32(value: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}

export function ascii(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** The first event of a crypto-agile log. */
export function specIdEvent(
  banks: readonly Bank[],
  index: number,
  vendor: Uint8Array = ascii(''),
): Uint8Array<ArrayBuffer> {
  const data = concatBytes(
    ascii('Spec ID Event03\0'),
    u32(0),
    Uint8Array.of(0, 2, 0, 2),
    u32(banks.length),
    ...banks.map((bank) => concatBytes(u16(BANKS[bank][0]), u16(BANKS[bank][1]))),
    Uint8Array.of(vendor.length),
    vendor,
  );
  return concatBytes(u32(index), u32(3), new Uint8Array(20), u32(data.length), data);
}

export function tcgEvent({ index, type, data, digests }: MadeEvent, banks: readonly Bank[]): Uint8Array<ArrayBuffer> {
  const of = (bank: Bank): Uint8Array =>
    digests?.[bank] ?? (type === 3 ? new Uint8Array(BANKS[bank][1]) : hashOf(bank, data));
  return concatBytes(
    u32(index),
    u32(type),
    u32(banks.length),
    ...banks.map((bank) => concatBytes(u16(BANKS[bank][0]), of(bank))),
    u32(data.length),
    data,
  );
}

/** A CCEL, unpadded. */
export function makeCcel(events: readonly MadeEvent[]): Uint8Array<ArrayBuffer> {
  return concatBytes(specIdEvent(['sha384'], 1), ...events.map((event) => tcgEvent(event, ['sha384'])));
}

/** The log of a TPM. */
export function makeTpmLog(
  events: readonly MadeEvent[],
  banks: readonly Bank[] = ['sha1', 'sha256'],
): Uint8Array<ArrayBuffer> {
  return concatBytes(specIdEvent(banks, 0), ...events.map((event) => tcgEvent(event, banks)));
}

/** Registers after these extensions, by the index of the log; written apart from the code under test. */
export function extend(
  bank: Bank,
  prefix: 'rtmr' | 'pcr',
  digests: readonly (readonly [number, Uint8Array])[],
  locality = 0,
): Record<string, string> {
  const count = prefix === 'rtmr' ? 4 : 24;
  const values = Array.from({ length: count }, (_, index) =>
    new Uint8Array(BANKS[bank][1]).fill(prefix === 'pcr' && index >= 17 && index <= 22 ? 0xff : 0),
  );
  const [first] = values;
  if (first !== undefined && prefix === 'pcr') first[first.length - 1] = locality;
  for (const [index, digest] of digests)
    values[index] = hashOf(bank, concatBytes(values[index] ?? first ?? digest, digest));
  return Object.fromEntries(values.map((value, index) => [`${prefix}${index}`, toHex(value)]));
}

/** UEFI_VARIABLE_DATA. */
export function uefiVariable(guid: string, name: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const utf16 = new Uint8Array(new Uint16Array([...name].map((one) => one.charCodeAt(0))).buffer);
  const length = (value: number): Uint8Array<ArrayBuffer> => concatBytes(u32(value), u32(0));
  return concatBytes(new Uint8Array(Buffer.from(guid, 'hex')), length(name.length), length(data.length), utf16, data);
}

/** SecureBoot as firmware measures it. */
export function secureBootVariable(value: Uint8Array): Uint8Array<ArrayBuffer> {
  return uefiVariable('61dfe48bca93d211aa0d00e098032b8c', 'SecureBoot', value);
}

/** Preimage of a runtime event of dstack; written apart from the code under test. */
export function runtimePreimageOf(name: string, payload: string, version: 1 | 2 = 1): Uint8Array<ArrayBuffer> {
  if (version === 2) return ascii(`{"name":${JSON.stringify(name)},"payload":"${payload}","type":134217729}`);
  return concatBytes(
    Uint8Array.of(1, 0, 0, 8),
    ascii(':'),
    ascii(name),
    ascii(':'),
    new Uint8Array(Buffer.from(payload, 'hex')),
  );
}

export interface DstackEvent {
  readonly imr: number;
  readonly event_type: number;
  readonly digest: string;
  readonly event: string;
  readonly event_payload: string;
  readonly version?: number;
  readonly preimage?: string;
}

/** A launch event of dstack. */
export function dstackEvent(event: string, payload = '', version: 1 | 2 = 1): DstackEvent {
  const preimage = runtimePreimageOf(event, payload, version);
  return {
    imr: 3,
    event_type: 0x08000001,
    digest: toHex(hashOf('sha384', preimage)),
    event,
    event_payload: payload,
    ...(version === 2 ? { version: 2, preimage: toHex(preimage) } : {}),
  };
}

/** The registers that a dstack log extends if its digests are what was extended. */
export function dstackRegisters(events: readonly DstackEvent[]): Record<string, string> {
  return extend(
    'sha384',
    'rtmr',
    events.map(({ imr, digest }) => [imr, new Uint8Array(Buffer.from(digest, 'hex'))]),
  );
}

export function jsonBytes(value: unknown): Uint8Array<ArrayBuffer> {
  return ascii(JSON.stringify(value));
}

/** One field of a CEL-TLV. */
export function tlv(type: number, value: Uint8Array): Uint8Array<ArrayBuffer> {
  return concatBytes(Uint8Array.of(type), u32(value.length).toReversed(), value);
}

export interface CelRecord {
  readonly type: number;
  readonly payload: Uint8Array;
  readonly digest?: Uint8Array;
  /** Field that names the register, and its index. */
  readonly register?: readonly [number, number];
  readonly number?: number;
  readonly contentType?: number;
}

/** A CEL-TLV with COS contents. */
export function makeCel(records: readonly CelRecord[]): Uint8Array<ArrayBuffer> {
  return concatBytes(
    ...records.map(({ type, payload, digest, register = [108, 4], number, contentType = 80 }, index) => {
      const content = tlv(contentType, tlv(type, payload));
      const recordNumber = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, number ?? index);
      return concatBytes(
        tlv(0, recordNumber),
        tlv(register[0], Uint8Array.of(register[1])),
        tlv(3, tlv(12, digest ?? hashOf('sha384', content))),
        content,
      );
    }),
  );
}
