/**
 * The changes of one piece of evidence, numbered: every bit, every truncation, and 1 to 64 bytes
 * behind it, of three kinds each.
 *
 * @module
 */

const TRAILING_BYTES = 64;
const FILLERS: readonly number[] = [0x00, 0xff, 0x0a];

export interface Change {
  readonly kind: 'bit' | 'truncation' | 'trailing';
  /** Bit (0 is the lowest of the first byte), length that is left, or number of bytes behind it. */
  readonly place: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * How many changes there are.
 *
 * @param step - One bit in so many is changed.
 */
export function countChanges(length: number, step = 1): number {
  return bitsOf(length, step) + length + TRAILING_BYTES * FILLERS.length;
}

/** The change with a number from 0 to `countChanges(good.length, step) - 1`. */
export function changeOf(good: Uint8Array<ArrayBuffer>, number: number, step = 1): Change {
  const bits = bitsOf(good.length, step);
  if (number < bits) {
    // Another bit in each turn, so that a step of eight goes through all of them and not through the lowest.
    const bit = Math.min(number * step + (number % step), good.length * 8 - 1);
    const bytes = good.slice();
    const index = bit >> 3;
    bytes[index] = (bytes[index] ?? 0) ^ (1 << (bit & 7));
    return { kind: 'bit', place: bit, bytes };
  }
  if (number < bits + good.length) {
    const left = number - bits;
    return { kind: 'truncation', place: left, bytes: good.slice(0, left) };
  }
  const rest = number - bits - good.length;
  const count = Math.floor(rest / FILLERS.length) + 1;
  const bytes = new Uint8Array(good.length + count).fill(FILLERS[rest % FILLERS.length] ?? 0);
  bytes.set(good);
  return { kind: 'trailing', place: count, bytes };
}

function bitsOf(length: number, step: number): number {
  return Math.ceil((length * 8) / step);
}

/** Whether two byte strings differ at most in the `padding` at their end. */
export function sameButForPadding(left: Uint8Array, right: Uint8Array, padding: readonly number[]): boolean {
  return Buffer.compare(withoutPadding(left, padding), withoutPadding(right, padding)) === 0;
}

function withoutPadding(bytes: Uint8Array, padding: readonly number[]): Uint8Array {
  return bytes.subarray(0, bytes.findLastIndex((byte) => !padding.includes(byte)) + 1);
}
