/**
 * Hexadecimal and base64url, decoded strictly: the platform's own decoders skip or truncate
 * what they do not understand, so two different texts could stand for the same bytes.
 *
 * Base64url follows RFC 4648 section 5 without padding; hexadecimal is lower case.
 *
 * @module
 */

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const VALUES: ReadonlyMap<string, number> = new Map([...ALPHABET].map((character, value) => [character, value]));
/** Character codes of the hexadecimal digits of a byte. */
const HIGH: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => (byte >> 4).toString(16).charCodeAt(0));
const LOW: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => (byte & 15).toString(16).charCodeAt(0));
const NO_DIGIT = 0xff;
/** Values of hexadecimal digits by character code, lower case alone. */
const DIGITS: Uint8Array = Uint8Array.from({ length: 128 }, (_, code) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(code));
  return digit < 0 ? NO_DIGIT : digit;
});

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  const high = (index: number): number => HIGH[bytes[index] ?? 0] ?? 0;
  const low = (index: number): number => LOW[bytes[index] ?? 0] ?? 0;
  let text = '';
  let index = 0;
  // Eight bytes in one call: a text that grows by two characters at a time is a chain of small ones.
  for (; index + 8 <= bytes.length; index += 8) {
    text += String.fromCharCode(
      high(index),
      low(index),
      high(index + 1),
      low(index + 1),
      high(index + 2),
      low(index + 2),
      high(index + 3),
      low(index + 3),
      high(index + 4),
      low(index + 4),
      high(index + 5),
      low(index + 5),
      high(index + 6),
      low(index + 6),
      high(index + 7),
      low(index + 7),
    );
  }
  for (; index < bytes.length; index++) text += String.fromCharCode(high(index), low(index));
  return text;
}

/** Bytes of lower-case hexadecimal; `undefined` for anything else, upper case included. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 2 !== 0) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let index = 0; index < bytes.length; index++) {
    const high = DIGITS[text.charCodeAt(index * 2)] ?? NO_DIGIT;
    const low = DIGITS[text.charCodeAt(index * 2 + 1)] ?? NO_DIGIT;
    if (high === NO_DIGIT || low === NO_DIGIT) return undefined;
    bytes[index] = (high << 4) | low;
  }
  return bytes;
}

/** Base64url without padding. */
export function toBase64Url(bytes: Uint8Array): string {
  let text = '';
  for (let index = 0; index < bytes.length; index += 3) {
    const left = bytes.length - index;
    const group = ((bytes[index] ?? 0) << 16) | ((bytes[index + 1] ?? 0) << 8) | (bytes[index + 2] ?? 0);
    const characters = left >= 3 ? 4 : left + 1;
    for (let place = 0; place < characters; place++) text += ALPHABET[(group >> (18 - 6 * place)) & 63];
  }
  return text;
}

/** Bytes of canonical unpadded base64url; `undefined` for padding, other alphabets and non-zero spare bits. */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 4 === 1) return undefined;
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let buffer = 0;
  let bits = 0;
  let written = 0;
  for (const character of text) {
    const value = VALUES.get(character);
    if (value === undefined) return undefined;
    buffer = ((buffer << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[written++] = (buffer >> bits) & 0xff;
    }
  }
  const spare = buffer & ((1 << bits) - 1);
  return spare === 0 ? bytes : undefined;
}

/** Whether two byte strings are equal. Not constant-time: for public values only. */
export function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left === right) return true;
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) {
    if (left[index] !== right[index]) return false;
  }
  return true;
}

/** Concatenation of byte strings. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}
