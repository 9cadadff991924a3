/**
 * What small parts of DER were read as before: names and identifiers of vendors are the same in all
 * of their certificates. What is remembered is found under a number made from the bytes and counts
 * only where all of the bytes are the same. Only what was read without a refusal is put here.
 *
 * @module
 */
import type { DerElement } from './der.ts';

/** By a number that is made from the content; of two with one number, the later one is remembered. */
export type Seen<T> = Map<number, { readonly content: Uint8Array; readonly value: T }>;

/** Few are longer, and a hostile long one shall not stay. */
const MAX_BYTES = 256;
const MAX_SEEN = 128;

/** What an element with the same content was read as; `undefined` where none is remembered. */
export function recall<T>(seen: Seen<T>, element: DerElement): T | undefined {
  const { bytes, contentStart, end } = element;
  if (end - contentStart > MAX_BYTES) return undefined;
  const known = seen.get(nameOf(element));
  if (known === undefined || known.content.length !== end - contentStart) return undefined;
  const { content, value } = known;
  for (let index = 0; index < content.length; index++) {
    if (content[index] !== bytes[contentStart + index]) return undefined;
  }
  return value;
}

/** Remembers `value` for elements with this content and gives it; beyond a limit the oldest is forgotten. */
export function keep<T>(seen: Seen<T>, element: DerElement, value: T): T {
  const { bytes, contentStart, end } = element;
  if (end - contentStart > MAX_BYTES) return value;
  const name = nameOf(element);
  // Maps keep the order of insertion, so the first is the oldest.
  if (!seen.has(name) && seen.size >= MAX_SEEN) seen.delete(seen.keys().next().value ?? name);
  seen.set(name, { content: bytes.slice(contentStart, end), value });
  return value;
}

/** A number for the content that decides nothing: whoever looks one up compares all of the bytes. */
function nameOf({ bytes, contentStart, end }: DerElement): number {
  let value = end - contentStart;
  for (let index = contentStart; index < end; index++) value = (Math.imul(value, 31) + (bytes[index] ?? 0)) | 0;
  return value;
}
