/**
 * A writer of CBOR for tests. It writes what it is told: the malformed inputs of tests are made here too.
 *
 * @module
 */
import { concatBytes } from '@vitrine/documents';

export type Cbor = Uint8Array<ArrayBuffer>;

/** Initial byte and argument in the shortest form. */
export function cborHead(major: number, argument: number): Cbor {
  const high = major << 5;
  if (argument < 24) return Uint8Array.of(high | argument);
  if (argument < 0x100) return Uint8Array.of(high | 24, argument);
  if (argument < 0x1_0000) return Uint8Array.of(high | 25, argument >> 8, argument & 0xff);
  const size = argument < 0x1_0000_0000 ? 4 : 8;
  const bytes = new Uint8Array(size + 1);
  bytes[0] = high | (size === 4 ? 26 : 27);
  const view = new DataView(bytes.buffer);
  if (size === 4) view.setUint32(1, argument);
  else view.setBigUint64(1, BigInt(argument));
  return bytes;
}

export function cborInteger(value: number): Cbor {
  return value < 0 ? cborHead(1, -1 - value) : cborHead(0, value);
}

export function cborBytes(bytes: Uint8Array): Cbor {
  return concatBytes(cborHead(2, bytes.length), bytes);
}

export function cborText(text: string): Cbor {
  const bytes = new TextEncoder().encode(text);
  return concatBytes(cborHead(3, bytes.length), bytes);
}

export function cborArray(...items: readonly Uint8Array[]): Cbor {
  return concatBytes(cborHead(4, items.length), ...items);
}

/** Keys and values in the given order, also when a key is there twice. */
export function cborMap(...entries: readonly (readonly [key: Uint8Array, value: Uint8Array])[]): Cbor {
  return concatBytes(cborHead(5, entries.length), ...entries.flat());
}

export function cborIndefiniteMap(...entries: readonly (readonly [key: Uint8Array, value: Uint8Array])[]): Cbor {
  return concatBytes(Uint8Array.of(0xbf), ...entries.flat(), Uint8Array.of(0xff));
}

export function cborTag(tag: number, value: Uint8Array): Cbor {
  return concatBytes(cborHead(6, tag), value);
}

export const CBOR_NULL: Cbor = Uint8Array.of(0xf6);
