/**
 * The one way in which this package joins fields to bytes that are hashed or derived from: each after
 * its length, so that no two lists of fields give the same bytes.
 *
 * @module
 */
import { concatBytes, UsageError } from '@vitrine/documents';

const MAX_FIELD_BYTES = 0xffff;

/** `tag ‖ 0x00 ‖ LP(field) ‖ LP(field) …`, where LP is a big-endian 16-bit length before the bytes. */
export function lengthPrefixed(tag: string, fields: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const parts = fields.flatMap((field) => {
    if (field.length > MAX_FIELD_BYTES) {
      throw new UsageError('keys.field-too-long', `a field of ${field.length} bytes is longer than ${MAX_FIELD_BYTES}`);
    }
    return [Uint8Array.of(field.length >> 8, field.length & 0xff), field];
  });
  return concatBytes(new TextEncoder().encode(tag), Uint8Array.of(0), ...parts);
}

/** Big-endian, 4 bytes. */
export function uint32(value: number): Uint8Array<ArrayBuffer> {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw new UsageError('keys.number-range', `expected a whole number below 2^32, found ${value}`);
  }
  return Uint8Array.of(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

/**
 * UTF-8 of a text.
 *
 * @throws UsageError for lone surrogates: the encoder would give all of them the same bytes.
 */
export function utf8(text: string, what: string): Uint8Array<ArrayBuffer> {
  if (!text.isWellFormed()) throw new UsageError('keys.text', `the ${what} has a lone surrogate`);
  return new TextEncoder().encode(text);
}
