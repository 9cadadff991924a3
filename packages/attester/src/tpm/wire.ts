/**
 * Bytes of TPM 2.0 structures: big-endian numbers, buffers with their length before them, and an exact end
 * (Trusted Platform Module Library, part 2). What a TPM answers is read strictly: a device that sends anything
 * else has failed, or somebody sits between.
 *
 * @module
 */
import { concatBytes, VitrineError } from '@vitrine/documents';

export type Bytes = Uint8Array<ArrayBuffer>;

export function u8(value: number): Bytes {
  return Uint8Array.of(value);
}

export function u16(value: number): Bytes {
  return Uint8Array.of(value >> 8, value & 0xff);
}

export function u32(value: number): Bytes {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

export function u64(value: bigint): Bytes {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
}

/** A buffer with its length in two bytes before it (`TPM2B_…`). */
export function sized(...parts: readonly Uint8Array[]): Bytes {
  const bytes = concatBytes(...parts);
  return concatBytes(u16(bytes.length), bytes);
}

export interface WireReader {
  readonly bytes: Uint8Array;
  /** Names what is read, in errors. */
  readonly what: string;
  offset: number;
}

export function openReader(bytes: Uint8Array, what: string): WireReader {
  return { bytes, what, offset: 0 };
}

/** A copy of the next `length` bytes. */
export function takeBytes(reader: WireReader, length: number): Bytes {
  if (length > reader.bytes.length - reader.offset) throw malformed(reader.what, 'it ends early');
  reader.offset += length;
  return Uint8Array.from(reader.bytes.subarray(reader.offset - length, reader.offset));
}

/** An unsigned number. */
export function takeNumber(reader: WireReader, size: 1 | 2 | 4): number {
  return takeBytes(reader, size).reduce((sum, byte) => sum * 256 + byte, 0);
}

/** An unsigned number of 8 bytes. */
export function takeU64(reader: WireReader): bigint {
  return new DataView(takeBytes(reader, 8).buffer).getBigUint64(0);
}

/** A buffer with its length in two bytes before it, of at most `maximum` bytes. */
export function takeSized(reader: WireReader, maximum: number, name: string): Bytes {
  const length = takeNumber(reader, 2);
  if (length <= maximum) return takeBytes(reader, length);
  throw malformed(reader.what, `${name} has ${length} bytes, at most ${maximum} were expected`);
}

/** A buffer with its length before it, of exactly `length` bytes. */
export function takeSizedExactly(reader: WireReader, length: number, name: string): Bytes {
  const bytes = takeSized(reader, length, name);
  if (bytes.length === length) return bytes;
  throw malformed(reader.what, `${name} has ${bytes.length} bytes, ${length} were expected`);
}

/** Demands that the next number is `expected`. */
export function takeExactly(reader: WireReader, size: 1 | 2 | 4, expected: number, name: string): void {
  const actual = takeNumber(reader, size);
  const show = (value: number): string => `0x${value.toString(16).padStart(size * 2, '0')}`;
  if (actual !== expected) throw malformed(reader.what, `${name}: expected ${show(expected)}, found ${show(actual)}`);
}

/** Demands that nothing is left. */
export function finishReader(reader: WireReader): void {
  const left = reader.bytes.length - reader.offset;
  if (left > 0) throw malformed(reader.what, `${left} bytes after its end`);
}

/** A failure of the device: it sent what no TPM may send. */
export function malformed(what: string, why: string): VitrineError {
  return new VitrineError(
    'attester.hardware',
    `${what} of the TPM is malformed: ${why}. Restart the machine; if it comes again, the TPM or what is before it is broken`,
  );
}
