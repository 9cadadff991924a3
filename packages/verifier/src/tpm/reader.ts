/**
 * Reading of TPM 2.0 structures: big-endian fields in order, sized buffers, an exact end
 * (Trusted Platform Module Library, part 2, "Structures").
 *
 * @module
 */
import { refuse } from '../refusal.ts';

export interface TpmReader {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Names the structure in refusals. */
  readonly what: string;
  offset: number;
}

/** Algorithm identifiers (part 2, "TPM_ALG_ID") that are read here. */
export const TpmAlgorithm = {
  rsa: 0x0001,
  sha256: 0x000b,
  null: 0x0010,
  rsassa: 0x0014,
  ecdsa: 0x0018,
  ecc: 0x0023,
} as const;

export function openTpm(bytes: Uint8Array<ArrayBuffer>, what: string): TpmReader {
  return { bytes, what, offset: 0 };
}

/** The next `length` bytes. */
export function takeBytes(reader: TpmReader, length: number): Uint8Array<ArrayBuffer> {
  if (length > reader.bytes.length - reader.offset) refuse(`${reader.what}: ends early`);
  reader.offset += length;
  return reader.bytes.subarray(reader.offset - length, reader.offset);
}

/** An unsigned number of 1, 2 or 4 bytes. */
export function takeNumber(reader: TpmReader, size: 1 | 2 | 4): number {
  return takeBytes(reader, size).reduce((sum, byte) => sum * 256 + byte, 0);
}

/** A buffer with its length in two bytes before it (`TPM2B_…`), of at most `maximum` bytes. */
export function takeSized(reader: TpmReader, maximum: number, name: string): Uint8Array<ArrayBuffer> {
  const length = takeNumber(reader, 2);
  if (length <= maximum) return takeBytes(reader, length);
  return refuse(`${reader.what}: ${name} too long`, {
    expected: `at most ${maximum} bytes`,
    actual: `${length} bytes`,
  });
}

/** Demands that the next number is `expected`. */
export function takeExactly(reader: TpmReader, size: 1 | 2 | 4, expected: number, name: string): void {
  const actual = takeNumber(reader, size);
  const show = (value: number): string => `0x${value.toString(16).padStart(size * 2, '0')}`;
  if (actual !== expected) {
    refuse(`${reader.what}: ${name} is not supported`, { expected: show(expected), actual: show(actual) });
  }
}

/** Demands that nothing is left. */
export function finishTpm(reader: TpmReader): void {
  if (reader.offset !== reader.bytes.length) refuse(`${reader.what}: bytes after its end`);
}
