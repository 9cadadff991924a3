/**
 * Typed reading of Intel's signed JSON. Every field that is used has to be there with its type;
 * fields that this release does not know are ignored, because Intel adds some within a version and
 * nobody else can: the text is signed.
 *
 * @module
 */
import { JsonSyntaxError, type JsonValue, parseStrictJson } from '@vitrine/documents';
import { RefusalError, refuse } from '../refusal.ts';

/** An object of the JSON text together with its place, for refusals. */
export interface Fields {
  readonly value: Readonly<Record<string, JsonValue>>;
  readonly place: string;
}

/** Real answers have 0.5 to 22 kB. */
const MAX_JSON_CHARACTERS = 1_000_000;

/**
 * Reads a JSON text whose top is an object.
 *
 * @throws RefusalError
 */
export function parseFields(text: string, place: string): Fields {
  if (text.length > MAX_JSON_CHARACTERS) refuse(`${place}: longer than ${MAX_JSON_CHARACTERS} characters`);
  try {
    return asFields(plainJson(text) ?? parseStrictJson(text), place);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw new RefusalError(`${place}: not strict JSON: ${error.message}`, {}, { cause: error });
  }
}

const MAX_DEPTH = 32;
/** Brackets of both kinds, which differ in one bit. */
const OPEN = 0x7b;
const CLOSE = 0x7d;
const KIND = 0x20;

/**
 * The value of a text that is written as `JSON.stringify` would write it, without escapes, as all of
 * Intel's are: a repeated key or an inexact number would not be written back as it was read. In a
 * quarter of the time that the strict reader needs, which gets every other text.
 */
function plainJson(text: string): JsonValue | undefined {
  if (text.includes('\\')) return undefined;
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index) | KIND;
    // Brackets inside strings only make it look deeper than it is.
    if (code === OPEN) {
      if (++depth > MAX_DEPTH) return undefined;
    } else if (code === CLOSE) depth--;
  }
  try {
    const value: unknown = JSON.parse(text);
    return JSON.stringify(value) === text ? (value as JsonValue) : undefined;
  } catch {
    return undefined;
  }
}

/** The object in field `name`. */
export function objectField(fields: Fields, name: string): Fields {
  return asFields(fieldOf(fields, name), `${fields.place}.${name}`);
}

/** The list of objects in field `name`, with `minimum` to `maximum` entries. */
export function listField(fields: Fields, name: string, minimum: number, maximum = 1000): readonly Fields[] {
  const value = fieldOf(fields, name);
  const place = `${fields.place}.${name}`;
  if (!Array.isArray(value)) return refuse(`${place}: expected a list`);
  if (value.length < minimum || value.length > maximum) {
    const expected = minimum === maximum ? `${minimum} entries` : `${minimum} to ${maximum} entries`;
    refuse(`${place}: wrong number of entries`, { expected, actual: String(value.length) });
  }
  return value.map((entry: JsonValue, index) => asFields(entry, `${place}[${index}]`));
}

/** The text in field `name`, all of which must match `pattern`; `what` says what that is. */
export function textField(fields: Fields, name: string, pattern: RegExp, what: string): string {
  const value = fieldOf(fields, name);
  return typeof value === 'string' && pattern.test(value)
    ? value
    : refuse(`${fields.place}.${name}: expected ${what}`, {
        expected: what,
        actual: JSON.stringify(value).slice(0, 100),
      });
}

const HEX = /^[0-9a-fA-F]*$/;

/** `bytes` bytes of hexadecimal in either case, as lower case. */
export function hexField(fields: Fields, name: string, bytes: number): string {
  const value = fields.value[name];
  if (typeof value === 'string' && value.length === bytes * 2 && HEX.test(value)) return value.toLowerCase();
  const pattern = new RegExp(`^[0-9a-fA-F]{${bytes * 2}}$`);
  return textField(fields, name, pattern, `${bytes} bytes in hexadecimal`).toLowerCase();
}

/** A whole number of 0 … `maximum`. */
export function integerField(fields: Fields, name: string, maximum: number): number {
  const value = fieldOf(fields, name);
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= maximum && !Object.is(value, -0)
    ? value
    : refuse(`${fields.place}.${name}: expected a whole number up to ${maximum}`, {
        actual: JSON.stringify(value).slice(0, 100),
      });
}

const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/;

/** A time `2026-01-27T09:01:45Z`. */
export function timeField(fields: Fields, name: string): Date {
  const what = 'a UTC time such as 2026-01-27T09:01:45Z';
  const text = textField(fields, name, TIME, what);
  const [month, day] = [twoDigits(text, 5), twoDigits(text, 8)];
  const [hour, minute, second] = [twoDigits(text, 11), twoDigits(text, 14), twoDigits(text, 17)];
  const time = new Date(0);
  time.setUTCFullYear(twoDigits(text, 0) * 100 + twoDigits(text, 2), month - 1, day);
  time.setUTCHours(hour, minute, second);
  // Date rolls 30 February over into March; what is read back must be what was written.
  const exists =
    time.getUTCMonth() === month - 1 &&
    time.getUTCDate() === day &&
    time.getUTCHours() === hour &&
    time.getUTCMinutes() === minute &&
    time.getUTCSeconds() === second;
  return exists ? time : refuse(`${fields.place}.${name}: no such time`, { actual: text });
}

/** The number that two digits at `offset` are. */
function twoDigits(text: string, offset: number): number {
  return (text.charCodeAt(offset) - 0x30) * 10 + text.charCodeAt(offset + 1) - 0x30;
}

/** The list of texts in field `name`; an absent field is an empty list. */
export function textsField(fields: Fields, name: string, pattern: RegExp, what: string): readonly string[] {
  const value = fields.value[name];
  if (value === undefined) return [];
  if (!Array.isArray(value)) return refuse(`${fields.place}.${name}: expected a list`);
  return value.map((entry: JsonValue) =>
    typeof entry === 'string' && pattern.test(entry)
      ? entry
      : refuse(`${fields.place}.${name}: expected ${what}`, { actual: JSON.stringify(entry).slice(0, 100) }),
  );
}

function fieldOf(fields: Fields, name: string): JsonValue {
  return fields.value[name] ?? refuse(`${fields.place}: missing field ${JSON.stringify(name)}`);
}

function asFields(value: JsonValue, place: string): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? { value: value as Readonly<Record<string, JsonValue>>, place }
    : refuse(`${place}: expected an object`);
}
