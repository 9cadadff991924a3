/**
 * Unambiguous encodings: fields with their length before them, and integers of a fixed width.
 *
 * @module
 */

const UTF8 = new TextEncoder();
const MAX_FIELD = 0xffff;

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return UTF8.encode(text);
}

/** Each field as its length (16 bits, big-endian) and its bytes, one after the other. */
export function fields(...values: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(values.reduce((sum, value) => sum + 2 + value.length, 0));
  let offset = 0;
  for (const value of values) {
    if (value.length > MAX_FIELD) throw new RangeError('a field is longer than its length can say');
    joined[offset] = value.length >> 8;
    joined[offset + 1] = value.length & 0xff;
    joined.set(value, offset + 2);
    offset += 2 + value.length;
  }
  return joined;
}

/** The reverse of {@link fields}; `undefined` for anything that it does not write. */
export function readFields(bytes: Uint8Array): readonly Uint8Array[] | undefined {
  const values: Uint8Array[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const start = offset + 2;
    const end = start + (((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0));
    if (end > bytes.length) return undefined;
    values.push(bytes.subarray(start, end));
    offset = end;
  }
  return values;
}

/** Non-negative safe integers, 64 bits each, big-endian. */
export function integers(...values: readonly number[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(values.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [place, value] of values.entries()) {
    view.setUint32(place * 8, Math.floor(value / 2 ** 32));
    view.setUint32(place * 8 + 4, value % 2 ** 32);
  }
  return bytes;
}

/** The integer that {@link integers} wrote at `offset`. */
export function readInteger(bytes: Uint8Array, offset: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.getUint32(offset) * 2 ** 32 + view.getUint32(offset + 4);
}
