/**
 * A strict reader of DER (X.690): definite minimal lengths, exact ends, low tag numbers.
 *
 * Node's own certificate parser accepts trailing bytes and indefinite lengths, so one signed text
 * could be read in two ways. Here every byte belongs to exactly one element or the input is
 * refused. Reading is driven by the caller's expectations, never by the input: nesting that nobody
 * asked for is never followed, and a declared length is compared with what is there before use.
 *
 * Values (integers, times, names) are in `values.ts`.
 *
 * @module
 */
import { refuse } from '../refusal.ts';

/** Identifier octets of the types that certificates and CRLs use. */
export const Tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  explicit0: 0xa0,
  explicit3: 0xa3,
} as const;

/** One element. Both members are views into the input. */
export interface DerElement {
  readonly tag: number;
  /** Identifier, length and content. */
  readonly der: Uint8Array<ArrayBuffer>;
  readonly content: Uint8Array<ArrayBuffer>;
}

/** The elements inside a constructed one, taken in order. */
export interface DerCursor {
  readonly what: string;
  readonly elements: readonly DerElement[];
  index: number;
}

/** Reads `bytes` as exactly one element with `tag`; `what` names it in refusals. */
export function readDer(bytes: Uint8Array<ArrayBuffer>, tag: number, what: string): DerElement {
  const element = readElement(bytes, 0, what);
  if (element.end !== bytes.length) refuse(`${what}: bytes after the end of the DER value`);
  return expectTag(element, tag, what);
}

/** Opens a constructed element: its content must divide exactly into elements. */
export function openDer(element: DerElement, what: string): DerCursor {
  const elements: DerElement[] = [];
  const { content } = element;
  for (let offset = 0; offset < content.length; ) {
    const next = readElement(content, offset, what);
    elements.push(next);
    offset = next.end;
  }
  return { what, elements, index: 0 };
}

/** The next element, which must be there and have `tag`. */
export function take(cursor: DerCursor, tag: number, what: string): DerElement {
  const element = cursor.elements[cursor.index++];
  return element === undefined ? refuse(`${what}: missing`) : expectTag(element, tag, what);
}

/** The next element if it has one of `tags`. */
export function takeIf(cursor: DerCursor, ...tags: readonly number[]): DerElement | undefined {
  const element = cursor.elements[cursor.index];
  if (element === undefined || !tags.includes(element.tag)) return undefined;
  cursor.index++;
  return element;
}

/** Opens the next element, which must be a SEQUENCE. */
export function takeSequence(cursor: DerCursor, what: string): DerCursor {
  return openDer(take(cursor, Tag.sequence, what), what);
}

/** Demands that nothing is left. */
export function finish(cursor: DerCursor): void {
  if (cursor.index !== cursor.elements.length) refuse(`${cursor.what}: more elements than expected`);
}

function expectTag(element: DerElement, tag: number, what: string): DerElement {
  return element.tag === tag
    ? element
    : refuse(`${what}: wrong DER type`, { expected: `tag ${showTag(tag)}`, actual: `tag ${showTag(element.tag)}` });
}

/** Makes its views when they are asked for: of most elements only one is, and a view costs more than reading the element. */
class ElementInBytes implements DerElement {
  readonly tag: number;
  /** Where it ends in the bytes that it was read from. */
  readonly end: number;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #start: number;
  readonly #contentStart: number;
  #content: Uint8Array<ArrayBuffer> | undefined;

  constructor(tag: number, bytes: Uint8Array<ArrayBuffer>, start: number, contentStart: number, end: number) {
    this.tag = tag;
    this.#bytes = bytes;
    this.#start = start;
    this.#contentStart = contentStart;
    this.end = end;
  }

  get der(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(this.#start, this.end);
  }

  get content(): Uint8Array<ArrayBuffer> {
    this.#content ??= this.#bytes.subarray(this.#contentStart, this.end);
    return this.#content;
  }
}

function readElement(bytes: Uint8Array<ArrayBuffer>, start: number, what: string): ElementInBytes {
  const tag = byteAt(bytes, start, what);
  if ((tag & 0x1f) === 0x1f) refuse(`${what}: DER tag number of more than one byte`);
  const first = byteAt(bytes, start + 1, what);
  let offset = start + 2;
  let length = first;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0) refuse(`${what}: indefinite length, which DER forbids`);
    if (count > 4) refuse(`${what}: DER length of more than four bytes`);
    length = 0;
    for (let index = 0; index < count; index++) length = length * 256 + byteAt(bytes, offset++, what);
    if (length < 0x80 || length < 256 ** (count - 1)) refuse(`${what}: DER length is not minimal`);
  }
  const end = offset + length;
  if (end > bytes.length) refuse(`${what}: DER value ends early`);
  return new ElementInBytes(tag, bytes, start, offset, end);
}

function byteAt(bytes: Uint8Array, offset: number, what: string): number {
  return bytes[offset] ?? refuse(`${what}: DER value ends early`);
}

function showTag(tag: number): string {
  return `0x${tag.toString(16).padStart(2, '0')}`;
}
