/**
 * Values of primitive DER types, each with exactly one accepted encoding.
 *
 * Times are those of RFC 5280, 4.1.2.5: UTC with seconds, written with Z, no fractions.
 *
 * @module
 */
import { refuse } from '../refusal.ts';
import { type DerElement, Tag } from './der.ts';

/** FALSE is 00 and TRUE is ff. */
export function derBoolean(element: DerElement, what: string): boolean {
  const [value, ...more] = element.content;
  if (more.length > 0 || (value !== 0x00 && value !== 0xff)) refuse(`${what}: not a DER BOOLEAN`);
  return value === 0xff;
}

/** Content of a non-negative INTEGER in minimal form, without the sign byte. */
export function derUnsigned(element: DerElement, what: string): Uint8Array<ArrayBuffer> {
  const { content } = element;
  const [first = -1, second = -1] = content;
  if (first < 0) refuse(`${what}: empty INTEGER`);
  if (first >= 0x80) refuse(`${what}: negative INTEGER`);
  if (first !== 0 || content.length === 1) return content;
  if (second < 0x80) refuse(`${what}: INTEGER is not minimal`);
  return content.subarray(1);
}

/** An INTEGER or ENUMERATED of 0 … `maximum`. */
export function derSmallInteger(element: DerElement, maximum: number, what: string): number {
  const bytes = derUnsigned(element, what);
  if (bytes.length > 4) refuse(`${what}: integer too large`, { expected: `at most ${maximum}` });
  const value = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  return value <= maximum
    ? value
    : refuse(`${what}: integer too large`, { expected: `at most ${maximum}`, actual: String(value) });
}

/** Dotted form of an OBJECT IDENTIFIER. */
export function derObjectIdentifier(element: DerElement, what: string): string {
  const arcs: number[] = [];
  let arc = 0;
  let open = false;
  for (const byte of element.content) {
    if (!open && byte === 0x80) refuse(`${what}: OBJECT IDENTIFIER is not minimal`);
    arc = arc * 128 + (byte & 0x7f);
    if (!Number.isSafeInteger(arc)) refuse(`${what}: OBJECT IDENTIFIER arc too large`);
    open = byte >= 0x80;
    if (open) continue;
    arcs.push(arc);
    arc = 0;
  }
  const [first, ...rest] = arcs;
  if (open || first === undefined) return refuse(`${what}: malformed OBJECT IDENTIFIER`);
  const root = Math.min(Math.floor(first / 40), 2);
  return [root, first - root * 40, ...rest].join('.');
}

/** Content of a BIT STRING that is a whole number of bytes. */
export function derBytesOfBitString(element: DerElement, what: string): Uint8Array<ArrayBuffer> {
  if (element.content[0] !== 0) refuse(`${what}: not a BIT STRING of whole bytes`);
  return element.content.subarray(1);
}

/** A BIT STRING of named bits: bit 0 is the most significant bit of the first byte. Trailing zero bits are not DER. */
export function derNamedBits(element: DerElement, what: string): readonly number[] {
  const [unused = 8, ...bytes] = element.content;
  const last = bytes.at(-1);
  if (last === undefined) return unused === 0 ? [] : refuse(`${what}: malformed BIT STRING`);
  if (unused > 7 || ((last >> unused) & 1) !== 1 || (last & ((1 << unused) - 1)) !== 0) {
    refuse(`${what}: BIT STRING is not DER`);
  }
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
  const text = decode(element.content, what);
  if (element.tag === Tag.utcTime && /^[0-9]{12}Z$/.test(text)) {
    return calendarTime(`${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}`, what);
  }
  if (element.tag === Tag.generalizedTime && /^[0-9]{14}Z$/.test(text)) return calendarTime(text, what);
  return refuse(`${what}: not a UTC time in Z form with seconds`, { actual: JSON.stringify(text) });
}

/** `YYYYMMDDHHMMSSZ`, whose digits the caller has checked. */
function calendarTime(text: string, what: string): Date {
  const part = (start: number, end: number): number => Number(text.slice(start, end));
  const [month, day] = [part(4, 6), part(6, 8)];
  const time = new Date(Date.UTC(part(0, 4), month - 1, day, part(8, 10), part(10, 12), part(12, 14)));
  // Date rolls 30 February and 24:00 over to the next day, and years below 100 to the last century.
  const same =
    time.getUTCFullYear() === part(0, 4) &&
    time.getUTCMonth() === month - 1 &&
    time.getUTCDate() === day &&
    time.getUTCHours() === part(8, 10) &&
    time.getUTCMinutes() === part(10, 12) &&
    time.getUTCSeconds() === part(12, 14);
  return same ? time : refuse(`${what}: no such time`, { actual: text });
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decode(bytes: Uint8Array<ArrayBuffer>, what: string): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    return refuse(`${what}: not UTF-8`);
  }
}
