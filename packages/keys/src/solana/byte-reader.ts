/**
 * Reads Solana's wire format from the front, and writes the one length form that it has.
 *
 * A length is a compact-u16: seven bits a byte, lowest first, at most three bytes. Forms longer than needed
 * are refused, so a message has one spelling.
 *
 * @module
 */
import { RefusedRequestError } from '../intent.ts';

export interface ByteReader {
  /** How many bytes are left. */
  readonly left: number;
  byte(what: string): number;
  bytes(length: number, what: string): Uint8Array;
  /** A compact-u16. */
  length(what: string): number;
}

/** What cannot be read as a Solana message. */
export function malformed(why: string): RefusedRequestError {
  return new RefusedRequestError('solana.malformed', `this is no Solana message: ${why}`);
}

export function byteReader(input: Uint8Array): ByteReader {
  let offset = 0;
  const reader: ByteReader = {
    get left() {
      return input.length - offset;
    },
    byte(what) {
      const value = input[offset];
      if (value === undefined) throw malformed(`it ends in the middle of ${what}`);
      offset++;
      return value;
    },
    bytes(length, what) {
      if (length > input.length - offset) throw malformed(`it ends in the middle of ${what}`);
      offset += length;
      return input.slice(offset - length, offset);
    },
    length(what) {
      let value = 0;
      for (let place = 0; place < 3; place++) {
        const part = reader.byte(what);
        value |= (part & 0x7f) << (7 * place);
        if (part >= 0x80) continue;
        if (part === 0 && place > 0) throw malformed(`the length of ${what} is not in its shortest form`);
        if (value > 0xffff) break;
        return value;
      }
      throw malformed(`the length of ${what} is above 65535`);
    },
  };
  return reader;
}

/** `value`, at most 65535, as a compact-u16. */
export function compactLength(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest >>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Uint8Array.of(...bytes, rest);
}
