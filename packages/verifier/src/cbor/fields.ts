/**
 * Typed access to CBOR values that were read: each must have the kind and size that the document's
 * definition gives it, and a map must have no key but the ones that are defined.
 *
 * @module
 */
import { refuse } from '../refusal.ts';
import type { CborMap, CborValue } from './read.ts';

/** The items of an array of `minimum` to `maximum`. */
export function cborItems(value: CborValue, minimum: number, maximum: number, what: string): readonly CborValue[] {
  if (value.kind !== 'array') return refuse(`${what}: expected a CBOR array`, { actual: value.kind });
  const { length } = value.items;
  if (length >= minimum && length <= maximum) return value.items;
  const expected = minimum === maximum ? `${minimum} items` : `${minimum} to ${maximum} items`;
  return refuse(`${what}: wrong number of items`, { expected, actual: String(length) });
}

/** The entries of a map. */
export function cborEntries(value: CborValue, what: string): CborMap {
  return value.kind === 'map' ? value.entries : refuse(`${what}: expected a CBOR map`, { actual: value.kind });
}

/** Refuses keys that are not in `known`. */
export function refuseUnknownKeys(entries: CborMap, known: readonly (number | string)[], what: string): void {
  for (const key of entries.keys()) {
    if (!known.includes(key))
      refuse(`${what}: unknown key`, { expected: known.join(', '), actual: JSON.stringify(key) });
  }
}

/** The value at `key`, which must be there. */
export function cborField(entries: CborMap, key: number | string, what: string): CborValue {
  return entries.get(key) ?? refuse(`${what}: key ${JSON.stringify(key)} is missing`);
}

/** A byte string of `minimum` to `maximum` bytes. */
export function cborBytes(value: CborValue, minimum: number, maximum: number, what: string): Uint8Array<ArrayBuffer> {
  if (value.kind !== 'bytes') return refuse(`${what}: expected a CBOR byte string`, { actual: value.kind });
  const { length } = value.value;
  if (length >= minimum && length <= maximum) return value.value;
  const expected = minimum === maximum ? `${minimum} bytes` : `${minimum} to ${maximum} bytes`;
  return refuse(`${what}: wrong length`, { expected, actual: `${length} bytes` });
}

/** A text, all of which must match `pattern`; `expected` says what that is. */
export function cborText(value: CborValue, pattern: RegExp, expected: string, what: string): string {
  if (value.kind !== 'text') return refuse(`${what}: expected a CBOR text`, { actual: value.kind });
  return pattern.test(value.value)
    ? value.value
    : refuse(`${what}: expected ${expected}`, { expected, actual: JSON.stringify(value.value.slice(0, 100)) });
}

/** A whole number of 0 … `maximum`. */
export function cborUnsigned(value: CborValue, maximum: number, what: string): number {
  if (value.kind !== 'integer') return refuse(`${what}: expected a CBOR whole number`, { actual: value.kind });
  return value.value >= 0 && value.value <= maximum
    ? value.value
    : refuse(`${what}: number out of range`, { expected: `0 to ${maximum}`, actual: String(value.value) });
}
