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

/**
 * One element, as its place in the bytes that were read. `der` and `content` are views made at each
 * use: a view costs more than reading the element, and most elements need none.
 */
export interface DerElement {
  readonly tag: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where the identifier, the content and whatever follows begin in `bytes`. */
  readonly start: number;
  readonly contentStart: number;
  readonly end: number;
  /** Identifier, length and content. */
  readonly der: Uint8Array<ArrayBuffer>;
  readonly content: Uint8Array<ArrayBuffer>;
}

/** The elements inside a constructed one, taken in order. */
export interface DerCursor {
  readonly what: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where the next element begins, and where the last one ends. */
  offset: number;
  readonly end: number;
  /** Those that were not taken yet, made at each use. */
  readonly elements: readonly DerElement[];
}

/** Reads `bytes` as exactly one element with `tag`; `what` names it in refusals. */
export function readDer(bytes: Uint8Array<ArrayBuffer>, tag: number, what: string): DerElement {
  const element = readElement(bytes, 0, bytes.length, what);
  if (element.end !== bytes.length) refuse(`${what}: bytes after the end of the DER value`);
  return expectTag(element, tag, what);
}

/** Opens a constructed element: its content must divide exactly into elements. */
export function openDer(element: DerElement, what: string): DerCursor {
  const { bytes, contentStart, end } = element;
  // All of it is looked through before any of it is used; elements are made as they are taken.
  for (let offset = contentStart; offset < end; ) offset = endOf(bytes, offset, end, what);
  return new CursorInBytes(what, bytes, contentStart, end);
}

/** The next element, whatever it is; `undefined` behind the last one. */
export function takeAny(cursor: DerCursor): DerElement | undefined {
  const { what, bytes, offset, end } = cursor;
  if (offset >= end) return undefined;
  const element = readElement(bytes, offset, end, what);
  cursor.offset = element.end;
  return element;
}

/** The next element, which must be there and have `tag`. */
export function take(cursor: DerCursor, tag: number, what: string): DerElement {
  const element = takeAny(cursor);
  return element === undefined ? refuse(`${what}: missing`) : expectTag(element, tag, what);
}

/** The next element if it has `tag`, or the `other` one. */
export function takeIf(cursor: DerCursor, tag: number, other: number = tag): DerElement | undefined {
  const { bytes, offset, end } = cursor;
  return offset < end && (bytes[offset] === tag || bytes[offset] === other) ? takeAny(cursor) : undefined;
}

/** The next element if it has one of `tags`. */
export function takeOneOf(cursor: DerCursor, tags: readonly number[]): DerElement | undefined {
  const { bytes, offset, end } = cursor;
  return offset < end && tags.includes(bytes[offset] ?? 0) ? takeAny(cursor) : undefined;
}

/** Opens the next element, which must be a SEQUENCE. */
export function takeSequence(cursor: DerCursor, what: string): DerCursor {
  return openDer(take(cursor, Tag.sequence, what), what);
}

/** Demands that nothing is left. */
export function finish(cursor: DerCursor): void {
  if (cursor.offset !== cursor.end) refuse(`${cursor.what}: more elements than expected`);
}

function expectTag(element: DerElement, tag: number, what: string): DerElement {
  return element.tag === tag
    ? element
    : refuse(`${what}: wrong DER type`, { expected: `tag ${showTag(tag)}`, actual: `tag ${showTag(element.tag)}` });
}

class ElementInBytes implements DerElement {
  readonly tag: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly start: number;
  readonly contentStart: number;
  readonly end: number;

  constructor(tag: number, bytes: Uint8Array<ArrayBuffer>, start: number, contentStart: number, end: number) {
    this.tag = tag;
    this.bytes = bytes;
    this.start = start;
    this.contentStart = contentStart;
    this.end = end;
  }

  get der(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(this.start, this.end);
  }

  get content(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(this.contentStart, this.end);
  }
}

class CursorInBytes implements DerCursor {
  readonly what: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  offset: number;
  readonly end: number;

  constructor(what: string, bytes: Uint8Array<ArrayBuffer>, offset: number, end: number) {
    this.what = what;
    this.bytes = bytes;
    this.offset = offset;
    this.end = end;
  }

  get elements(): readonly DerElement[] {
    const elements: DerElement[] = [];
    for (let offset = this.offset; offset < this.end; ) {
      const element = readElement(this.bytes, offset, this.end, this.what);
      elements.push(element);
      offset = element.end;
    }
    return elements;
  }
}

/** The element that begins at `start`, all of which must be before `limit`. */
function readElement(bytes: Uint8Array<ArrayBuffer>, start: number, limit: number, what: string): ElementInBytes {
  const end = endOf(bytes, start, limit, what);
  const first = bytes[start + 1] ?? 0;
  const contentStart = start + 2 + (first >= 0x80 ? first & 0x7f : 0);
  return new ElementInBytes(bytes[start] ?? 0, bytes, start, contentStart, end);
}

/** Where the element that begins at `start` ends, which must not be behind `limit`. */
function endOf(bytes: Uint8Array<ArrayBuffer>, start: number, limit: number, what: string): number {
  const tag = byteAt(bytes, start, limit, what);
  if ((tag & 0x1f) === 0x1f) refuse(`${what}: DER tag number of more than one byte`);
  const first = byteAt(bytes, start + 1, limit, what);
  let contentStart = start + 2;
  let length = first;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0) refuse(`${what}: indefinite length, which DER forbids`);
    if (count > 4) refuse(`${what}: DER length of more than four bytes`);
    length = 0;
    for (let index = 0; index < count; index++) length = length * 256 + byteAt(bytes, contentStart++, limit, what);
    if (length < 0x80 || length < 256 ** (count - 1)) refuse(`${what}: DER length is not minimal`);
  }
  const end = contentStart + length;
  return end > limit ? refuse(`${what}: DER value ends early`) : end;
}

function byteAt(bytes: Uint8Array, offset: number, limit: number, what: string): number {
  const byte = offset < limit ? bytes[offset] : undefined;
  return byte ?? refuse(`${what}: DER value ends early`);
}

function showTag(tag: number): string {
  return `0x${tag.toString(16).padStart(2, '0')}`;
}
