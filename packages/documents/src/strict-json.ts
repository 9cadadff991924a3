/**
 * JSON (RFC 8259) read strictly: duplicate keys, lone surrogates, numbers that a double cannot
 * hold exactly, deep nesting and trailing text are errors. `JSON.parse` accepts all of these, so
 * two readers of one signed text could disagree about what it says.
 *
 * Objects are made without a prototype: a key `__proto__` is a key like any other.
 *
 * @module
 */

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Where and why a text is not strict JSON. `offset` counts UTF-16 code units from 0. */
export class JsonSyntaxError extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(`${message} at offset ${offset}`);
    this.name = 'JsonSyntaxError';
    this.offset = offset;
  }
}

/** Evidence nests less than ten deep; the limit only keeps hostile text from exhausting the stack. */
const MAX_DEPTH = 64;

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

interface Cursor {
  readonly text: string;
  offset: number;
}

/**
 * Parses one JSON text.
 *
 * @throws JsonSyntaxError for anything but exactly one strict JSON value.
 */
export function parseStrictJson(text: string): JsonValue {
  const cursor: Cursor = { text, offset: 0 };
  skipBlank(cursor);
  const value = readValue(cursor, 0);
  skipBlank(cursor);
  if (cursor.offset !== text.length) throw new JsonSyntaxError('text after the end of the JSON value', cursor.offset);
  return value;
}

function readValue(cursor: Cursor, depth: number): JsonValue {
  if (depth > MAX_DEPTH) throw new JsonSyntaxError(`nesting deeper than ${MAX_DEPTH}`, cursor.offset);
  switch (cursor.text[cursor.offset]) {
    case '{':
      return readObject(cursor, depth);
    case '[':
      return readArray(cursor, depth);
    case '"':
      return readString(cursor);
    case 't':
      return readWord(cursor, 'true', true);
    case 'f':
      return readWord(cursor, 'false', false);
    case 'n':
      return readWord(cursor, 'null', null);
    default:
      return readNumber(cursor);
  }
}

function readObject(cursor: Cursor, depth: number): JsonValue {
  const object: Record<string, JsonValue> = Object.create(null) as Record<string, JsonValue>;
  cursor.offset++;
  skipBlank(cursor);
  if (take(cursor, '}')) return object;
  for (;;) {
    const start = cursor.offset;
    if (cursor.text[start] !== '"') throw new JsonSyntaxError('expected a string as key', start);
    const key = readString(cursor);
    if (Object.hasOwn(object, key)) throw new JsonSyntaxError(`duplicate key ${JSON.stringify(key)}`, start);
    skipBlank(cursor);
    if (!take(cursor, ':')) throw new JsonSyntaxError('expected ":"', cursor.offset);
    skipBlank(cursor);
    object[key] = readValue(cursor, depth + 1);
    skipBlank(cursor);
    if (take(cursor, '}')) return object;
    if (!take(cursor, ',')) throw new JsonSyntaxError('expected "," or "}"', cursor.offset);
    skipBlank(cursor);
  }
}

function readArray(cursor: Cursor, depth: number): JsonValue {
  const array: JsonValue[] = [];
  cursor.offset++;
  skipBlank(cursor);
  if (take(cursor, ']')) return array;
  for (;;) {
    array.push(readValue(cursor, depth + 1));
    skipBlank(cursor);
    if (take(cursor, ']')) return array;
    if (!take(cursor, ',')) throw new JsonSyntaxError('expected "," or "]"', cursor.offset);
    skipBlank(cursor);
  }
}

function readString(cursor: Cursor): string {
  const start = cursor.offset++;
  let value = '';
  for (;;) {
    PLAIN.lastIndex = cursor.offset;
    value += PLAIN.exec(cursor.text)?.[0] ?? '';
    cursor.offset = PLAIN.lastIndex;
    const next = cursor.text[cursor.offset];
    if (next === '"') {
      cursor.offset++;
      if (!value.isWellFormed()) throw new JsonSyntaxError('lone surrogate in a string', start);
      return value;
    }
    if (next !== '\\') throw new JsonSyntaxError('control character or end of text in a string', cursor.offset);
    value += readEscape(cursor);
  }
}

function readEscape(cursor: Cursor): string {
  const kind = cursor.text[cursor.offset + 1] ?? '';
  if (kind === 'u') {
    const digits = cursor.text.slice(cursor.offset + 2, cursor.offset + 6);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw new JsonSyntaxError('malformed \\u escape', cursor.offset);
    cursor.offset += 6;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }
  const plain = Object.hasOwn(ESCAPES, kind) ? ESCAPES[kind] : undefined;
  if (plain === undefined) throw new JsonSyntaxError('unknown escape', cursor.offset);
  cursor.offset += 2;
  return plain;
}

function readNumber(cursor: Cursor): number {
  NUMBER.lastIndex = cursor.offset;
  const digits = NUMBER.exec(cursor.text)?.[0];
  if (digits === undefined) throw new JsonSyntaxError('expected a JSON value', cursor.offset);
  const value = Number(digits);
  const integral = !/[.eE]/.test(digits);
  if (!Number.isFinite(value) || (integral && !Number.isSafeInteger(value))) {
    throw new JsonSyntaxError('number outside the exact range of a double', cursor.offset);
  }
  cursor.offset = NUMBER.lastIndex;
  return value;
}

function readWord<T extends JsonValue>(cursor: Cursor, word: string, value: T): T {
  if (!cursor.text.startsWith(word, cursor.offset)) throw new JsonSyntaxError('expected a JSON value', cursor.offset);
  cursor.offset += word.length;
  return value;
}

function take(cursor: Cursor, character: string): boolean {
  if (cursor.text[cursor.offset] !== character) return false;
  cursor.offset++;
  return true;
}

function skipBlank(cursor: Cursor): void {
  for (;;) {
    const character = cursor.text[cursor.offset];
    if (character !== ' ' && character !== '\n' && character !== '\r' && character !== '\t') return;
    cursor.offset++;
  }
}
