/**
 * Values of primitive DER types, each with exactly one accepted encoding.
 *
 * Times are those of RFC 5280, 4.1.2.5: UTC with seconds, written with Z, no fractions.
 *
 * @module
 */
import { refuse } from '../refusal.ts';
import { type DerElement, Tag } from './der.ts';
import { keep, recall, type Seen } from './seen.ts';

/** FALSE is 00 and TRUE is ff. */
export function derBoolean(element: DerElement, what: string): boolean {
  const { bytes, contentStart, end } = element;
  const value = bytes[contentStart];
  if (end - contentStart !== 1 || (value !== 0x00 && value !== 0xff)) refuse(`${what}: not a DER BOOLEAN`);
  return value === 0xff;
}

/** Content of a non-negative INTEGER in minimal form, without the sign byte. */
export function derUnsigned(element: DerElement, what: string): Uint8Array<ArrayBuffer> {
  return element.bytes.subarray(startOfUnsigned(element, what), element.end);
}

/** Where the digits of a non-negative INTEGER in minimal form begin. */
export function startOfUnsigned({ bytes, contentStart, end }: DerElement, what: string): number {
  if (contentStart === end) refuse(`${what}: empty INTEGER`);
  const first = bytes[contentStart] ?? 0;
  if (first >= 0x80) refuse(`${what}: negative INTEGER`);
  if (first !== 0 || end - contentStart === 1) return contentStart;
  if ((bytes[contentStart + 1] ?? 0) < 0x80) refuse(`${what}: INTEGER is not minimal`);
  return contentStart + 1;
}

/** An INTEGER or ENUMERATED of 0 … `maximum`. */
export function derSmallInteger(element: DerElement, maximum: number, what: string): number {
  const { bytes, end } = element;
  const start = startOfUnsigned(element, what);
  if (end - start > 4) refuse(`${what}: integer too large`, { expected: `at most ${maximum}` });
  let value = 0;
  for (let index = start; index < end; index++) value = value * 256 + (bytes[index] ?? 0);
  return value <= maximum
    ? value
    : refuse(`${what}: integer too large`, { expected: `at most ${maximum}`, actual: String(value) });
}

/** Identifiers in dotted form. */
const identifiers: Seen<string> = new Map();

/** Dotted form of an OBJECT IDENTIFIER. */
export function derObjectIdentifier(element: DerElement, what: string): string {
  return recall(identifiers, element) ?? keep(identifiers, element, readIdentifier(element, what));
}

function readIdentifier(element: DerElement, what: string): string {
  const { bytes, contentStart, end } = element;
  let text = '';
  let arc = 0;
  let open = true;
  for (let index = contentStart; index < end; index++) {
    const byte = bytes[index] ?? 0;
    if (arc === 0 && byte === 0x80) refuse(`${what}: OBJECT IDENTIFIER is not minimal`);
    arc = arc * 128 + (byte & 0x7f);
    if (!Number.isSafeInteger(arc)) refuse(`${what}: OBJECT IDENTIFIER arc too large`);
    open = byte >= 0x80;
    if (open) continue;
    if (text === '') {
      const root = Math.min(Math.floor(arc / 40), 2);
      text = `${root}.${arc - root * 40}`;
    } else text += `.${arc}`;
    arc = 0;
  }
  return open ? refuse(`${what}: malformed OBJECT IDENTIFIER`) : text;
}

/** Content of a BIT STRING that is a whole number of bytes. */
export function derBytesOfBitString(element: DerElement, what: string): Uint8Array<ArrayBuffer> {
  const { bytes, contentStart, end } = element;
  if (contentStart === end || bytes[contentStart] !== 0) refuse(`${what}: not a BIT STRING of whole bytes`);
  return bytes.subarray(contentStart + 1, end);
}

/**
 * A BIT STRING of named bits: bit 0 is the most significant bit of the first byte.
 *
 * @param trailing - Trailing zero bits are not DER; `zeros` reads them all the same, within the last byte.
 */
export function derNamedBits(
  element: DerElement,
  what: string,
  trailing: 'none' | 'zeros' = 'none',
): readonly number[] {
  const [unused = 8, ...bytes] = element.content;
  const last = bytes.at(-1);
  if (last === undefined) return unused === 0 ? [] : refuse(`${what}: malformed BIT STRING`);
  const minimal = ((last >> unused) & 1) === 1 || (trailing === 'zeros' && last !== 0);
  if (unused > 7 || !minimal || (last & ((1 << unused) - 1)) !== 0) refuse(`${what}: BIT STRING is not DER`);
  return bytes.flatMap((byte, index) =>
    [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => (byte >> (7 - bit)) & 1).map((bit) => index * 8 + bit),
  );
}

/** UTF8String or PrintableString without control characters: a NUL must not end a name early for somebody. */
export function derText(element: DerElement, what: string): string {
  const text = decode(element.content, what);
  const known =
    element.tag === Tag.utf8String || (element.tag === Tag.printableString && /^[A-Za-z0-9 '()+,./:=?-]*$/.test(text));
  if (!known) refuse(`${what}: neither UTF8String nor PrintableString`);
  if (/[\u0000-\u001f\u007f-\u009f]/.test(text)) refuse(`${what}: control character in a name`);
  return text;
}

/** UTCTime `YYMMDDHHMMSSZ` (1950 to 2049) or GeneralizedTime `YYYYMMDDHHMMSSZ`. */
export function derTime(element: DerElement, what: string): Date {
  return new Date(derMilliseconds(element, what));
}

/** The same in milliseconds since 1970. */
export function derMilliseconds(element: DerElement, what: string): number {
  const { tag, bytes, contentStart, end } = element;
  const yearDigits = tag === Tag.utcTime ? 2 : 4;
  const known = tag === Tag.utcTime || tag === Tag.generalizedTime;
  if (!known || end - contentStart !== yearDigits + 11 || bytes[end - 1] !== 0x5a) return notATime(element, what);
  for (let index = contentStart; index < end - 1; index++) {
    const digit = bytes[index] ?? 0;
    if (digit < 0x30 || digit > 0x39) return notATime(element, what);
  }
  const first = twoDigits(bytes, contentStart);
  const century = yearDigits === 4 ? first : first < 50 ? 20 : 19;
  const rest = contentStart + yearDigits;
  const year = century * 100 + twoDigits(bytes, rest - 2);
  const month = twoDigits(bytes, rest);
  const day = twoDigits(bytes, rest + 2);
  const hour = twoDigits(bytes, rest + 4);
  const minute = twoDigits(bytes, rest + 6);
  const second = twoDigits(bytes, rest + 8);
  // Date rolls 30 February over to March and takes years below 100 for the last century.
  const exists =
    year >= 100 &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= daysIn(month, year) &&
    hour < 24 &&
    minute < 60 &&
    second < 60;
  if (!exists) refuse(`${what}: no such time`, { actual: decode(element.content, what) });
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

function twoDigits(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) - 0x30) * 10 + (bytes[offset + 1] ?? 0) - 0x30;
}

const DAYS: readonly number[] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** In the Gregorian calendar; `month` is 1 … 12. */
function daysIn(month: number, year: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && leap ? 29 : (DAYS[month - 1] ?? 0);
}

function notATime(element: DerElement, what: string): never {
  return refuse(`${what}: not a UTC time in Z form with seconds`, {
    actual: JSON.stringify(decode(element.content, what)),
  });
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decode(bytes: Uint8Array<ArrayBuffer>, what: string): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    return refuse(`${what}: not UTF-8`);
  }
}
