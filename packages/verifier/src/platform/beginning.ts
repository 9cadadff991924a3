/**
 * Names for what is remembered under byte strings. A name finds an entry and decides nothing: whoever
 * looks one up compares all of the bytes.
 *
 * @module
 */

/** The first six bytes as a number, which is cheaper to make and to look up than a text of all. */
export function beginningOf(bytes: Uint8Array): number {
  let value = 0;
  for (let index = 0; index < 6; index++) value = value * 256 + (bytes[index] ?? 0);
  return value;
}
