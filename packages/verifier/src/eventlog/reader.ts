/**
 * Takes fields out of bytes in order and refuses to read past the end. Lengths come from the input,
 * so each is compared with what is there before it is used; nothing is copied.
 *
 * @module
 */
import { malformed } from './event-log.ts';

export interface Reader {
  readonly bytes: Uint8Array<ArrayBuffer>;
  offset: number;
  /** Names the part of the log in refusals. */
  readonly what: string;
}

export function readerOf(bytes: Uint8Array<ArrayBuffer>, what: string): Reader {
  return { bytes, offset: 0, what };
}

/** How many bytes are left. */
export function remaining(reader: Reader): number {
  return reader.bytes.length - reader.offset;
}

export function takeBytes(reader: Reader, length: number): Uint8Array<ArrayBuffer> {
  if (length > remaining(reader)) {
    malformed(`${reader.what}: ${length} bytes wanted at offset ${reader.offset}, ${remaining(reader)} there`);
  }
  const part = reader.bytes.subarray(reader.offset, reader.offset + length);
  reader.offset += length;
  return part;
}

export function takeUint8(reader: Reader): number {
  return takeBytes(reader, 1)[0] ?? 0;
}

/** Little-endian. */
export function takeUint16(reader: Reader): number {
  const [low = 0, high = 0] = takeBytes(reader, 2);
  return low + high * 0x100;
}

/** Little-endian. */
export function takeUint32(reader: Reader): number {
  return takeUint16(reader) + takeUint16(reader) * 0x10000;
}

/** Big-endian, as CEL-TLV has it. */
export function takeUint32BigEndian(reader: Reader): number {
  const [first = 0, second = 0, third = 0, fourth = 0] = takeBytes(reader, 4);
  return first * 0x1000000 + second * 0x10000 + third * 0x100 + fourth;
}

/** Demands that nothing is left. */
export function finish(reader: Reader): void {
  if (remaining(reader) !== 0) malformed(`${reader.what}: ${remaining(reader)} bytes after its end`);
}
