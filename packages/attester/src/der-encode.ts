/**
 * Writer for DER (ITU-T X.690): the part of it that X.509 certificates and revocation lists need.
 *
 * Each function returns one complete element. It writes only; whoever verifies reads with a parser
 * of its own, so a mistake here cannot hide behind the same mistake there.
 *
 * @module
 */
import { concatBytes, UsageError } from '@vitrine/documents';

export type Der = Uint8Array<ArrayBuffer>;

/** INTEGER of any size and sign, in the shortest two's complement form. */
export function derInteger(value: bigint | number): Der {
  return element(0x02, twosComplement(BigInt(value)));
}

/** INTEGER whose value is `bytes` read as an unsigned big-endian number: serial numbers, r and s. */
export function derUnsigned(bytes: Uint8Array): Der {
  return derInteger(bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n));
}

/** ENUMERATED. */
export function derEnumerated(value: number): Der {
  return element(0x0a, twosComplement(BigInt(value)));
}

export function derBoolean(value: boolean): Der {
  return element(0x01, Uint8Array.of(value ? 0xff : 0));
}

/** OBJECT IDENTIFIER from its dotted form, such as `1.2.840.10045.4.3.2`. */
export function derOid(dotted: string): Der {
  const arcs = dotted.split('.').map(Number);
  const [first, second, ...rest] = arcs;
  if (
    !/^[0-2](?:\.(?:0|[1-9][0-9]{0,14}))+$/.test(dotted) ||
    first === undefined ||
    second === undefined ||
    (first < 2 && second > 39)
  ) {
    throw new UsageError('der.oid', `expected an object identifier such as 2.5.4.3, found ${JSON.stringify(dotted)}`);
  }
  return element(0x06, concatBytes(...[first * 40 + second, ...rest].map(base128)));
}

export function derSequence(...parts: readonly Uint8Array[]): Der {
  return element(0x30, concatBytes(...parts));
}

/** SET OF: DER sorts the elements by their encoding. */
export function derSet(...parts: readonly Uint8Array[]): Der {
  return element(0x31, concatBytes(...parts.toSorted(Buffer.compare)));
}

export function derOctetString(bytes: Uint8Array): Der {
  return element(0x04, bytes);
}

/** BIT STRING; `unused` is how many low bits of the last byte do not count. */
export function derBitString(bytes: Uint8Array, unused = 0): Der {
  return element(0x03, concatBytes(Uint8Array.of(unused), bytes));
}

/** BIT STRING with a list of named bits, as key usage has: trailing zero bits are left out. */
export function derNamedBits(bits: readonly number[]): Der {
  if (bits.length === 0) return derBitString(new Uint8Array());
  const last = Math.max(...bits);
  const bytes = new Uint8Array((last >> 3) + 1);
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return derBitString(bytes, 7 - (last & 7));
}

export function derUtf8String(text: string): Der {
  return element(0x0c, new TextEncoder().encode(text));
}

/** PrintableString: letters, digits and the few marks that X.680 lists. */
export function derPrintableString(text: string): Der {
  if (!/^[A-Za-z0-9 '()+,./:=?-]*$/.test(text)) {
    throw new UsageError('der.printable', `${JSON.stringify(text)} has characters that a PrintableString cannot carry`);
  }
  return element(0x13, new TextEncoder().encode(text));
}

/** UTCTime, which stands for the years 1950 to 2049. */
export function derUtcTime(time: Date): Der {
  const year = time.getUTCFullYear();
  if (year < 1950 || year > 2049) throw new UsageError('der.time', `the year ${year} does not fit a UTCTime`);
  return element(0x17, new TextEncoder().encode(`${timeDigits(time).slice(2)}Z`));
}

/** GeneralizedTime, to the second. */
export function derGeneralizedTime(time: Date): Der {
  return element(0x18, new TextEncoder().encode(`${timeDigits(time)}Z`));
}

/** The form that RFC 5280 section 4.1.2.5 prescribes: UTCTime to the end of 2049, GeneralizedTime after. */
export function derTime(time: Date): Der {
  return time.getUTCFullYear() < 2050 ? derUtcTime(time) : derGeneralizedTime(time);
}

/** Context-specific tag around whole elements (`EXPLICIT`, or `IMPLICIT` over a constructed type). */
export function derContext(tag: number, ...parts: readonly Uint8Array[]): Der {
  return element(0xa0 | tag, concatBytes(...parts));
}

/** Context-specific tag over a primitive value (`IMPLICIT`). */
export function derContextPrimitive(tag: number, bytes: Uint8Array): Der {
  return element(0x80 | tag, bytes);
}

function element(tag: number, content: Uint8Array): Der {
  return concatBytes(Uint8Array.of(tag), lengthOf(content.length), content);
}

function lengthOf(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Uint8Array.of(0x80 | bytes.length, ...bytes);
}

function twosComplement(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  // The value is complete when what is left is nothing but copies of the sign bit just written.
  do {
    bytes.unshift(Number(rest & 0xffn));
    rest >>= 8n;
  } while (rest !== ((bytes[0] ?? 0) & 0x80 ? -1n : 0n));
  return Uint8Array.from(bytes);
}

function base128(arc: number): Uint8Array {
  const bytes = [arc % 128];
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) bytes.unshift(0x80 | (rest % 128));
  return Uint8Array.from(bytes);
}

function timeDigits(time: Date): string {
  const year = time.getUTCFullYear();
  if (!(year >= 0 && year <= 9999)) throw new UsageError('der.time', 'expected a time between the years 0 and 9999');
  return time.toISOString().slice(0, 19).replace(/[-T:]/g, '');
}
