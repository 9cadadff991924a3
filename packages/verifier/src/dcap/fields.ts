/**
 * Typed reading of Intel's signed JSON. Every field that is used has to be there with its type;
 * fields that this release does not know are ignored, because Intel adds some within a version and
 * nobody else can: the text is signed.
 *
 * @module
 */
import { JsonSyntaxError, type JsonValue, parseStrictJson } from '@vitrine/documents/evidence';
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
/** What follows a key; without escapes, a quote stands nowhere but around keys and texts. */
const AFTER_KEY = '":';
/** Escapes, and blanks that could stand between a key and its colon. */
const NOT_PLAIN: readonly string[] = ['\\', '\t', '\n', '\r', '" '];

/**
 * The value of a text without escapes and without blanks after quotes, as all of Intel's are; in half
 * the time that the strict reader needs, which gets every other text. Of keys that are repeated,
 * `JSON.parse` keeps one: so there have to be as many members as keys were written.
 */
function plainJson(text: string): JsonValue | undefined {
  if (!text.isWellFormed() || NOT_PLAIN.some((part) => text.includes(part))) return undefined;
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
  let keys = 0;
  for (let at = text.indexOf(AFTER_KEY); at >= 0; at = text.indexOf(AFTER_KEY, at + 1)) keys++;
  return membersOf(value, MAX_DEPTH) === keys ? value : undefined;
}

/** How many members the objects in `value` have; NaN where it is nested deeper, or has a number that may not be exact. */
function membersOf(value: JsonValue, depth: number): number {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? 0 : Number.NaN;
  if (typeof value !== 'object' || value === null) return 0;
  if (depth === 0) return Number.NaN;
  let members = 0;
  if (Array.isArray(value)) {
    for (const entry of value as readonly JsonValue[]) members += membersOf(entry, depth - 1);
    return members;
  }
  const object = value as { readonly [key: string]: JsonValue };
  for (const name in object) members += 1 + membersOf(object[name] ?? null, depth - 1);
  return members;
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
