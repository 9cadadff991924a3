/**
 * The part of JSON Schema (draft 2020-12) that shapes write, to see whether an editor would say the same.
 * A keyword that is not known here is an error, so that nothing is passed over.
 *
 * @module
 */
import type { JsonValue } from '../strict-json.ts';

type Schema = Readonly<Record<string, unknown>>;
type Keyword = (argument: unknown, value: unknown, schema: Schema) => boolean;

const isObject = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const schemas = (argument: unknown): readonly JsonValue[] => argument as readonly JsonValue[];
const members = (argument: unknown): readonly (readonly [string, JsonValue])[] =>
  Object.entries((argument ?? {}) as Readonly<Record<string, JsonValue>>);

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  integer: (value) => Number.isInteger(value),
  array: Array.isArray,
  object: isObject,
};

const KEYWORDS: Readonly<Record<string, Keyword>> = {
  description: () => true,
  type: (argument, value) => TYPES[String(argument)]?.(value) === true,
  enum: (argument, value) => (argument as readonly unknown[]).includes(value),
  pattern: (argument, value) => typeof value !== 'string' || new RegExp(String(argument)).test(value),
  minimum: (argument, value) => typeof value !== 'number' || value >= Number(argument),
  minItems: (argument, value) => !Array.isArray(value) || value.length >= Number(argument),
  minProperties: (argument, value) => !isObject(value) || Object.keys(value).length >= Number(argument),
  items: (argument, value) => !Array.isArray(value) || value.every((one) => accepts(argument as JsonValue, one)),
  required: (argument, value) =>
    !isObject(value) || (argument as readonly string[]).every((name) => Object.hasOwn(value, name)),
  properties: (argument, value) =>
    !isObject(value) ||
    members(argument).every(([name, inner]) => !Object.hasOwn(value, name) || accepts(inner, value[name])),
  patternProperties: (argument, value) =>
    !isObject(value) ||
    members(argument).every(([pattern, inner]) =>
      Object.entries(value).every(([name, one]) => !new RegExp(pattern).test(name) || accepts(inner, one)),
    ),
  additionalProperties: (argument, value, { properties, patternProperties }) =>
    argument !== false ||
    !isObject(value) ||
    Object.keys(value).every(
      (name) =>
        members(properties).some(([known]) => known === name) ||
        members(patternProperties).some(([pattern]) => new RegExp(pattern).test(name)),
    ),
  anyOf: (argument, value) => schemas(argument).some((inner) => accepts(inner, value)),
  oneOf: (argument, value) => schemas(argument).filter((inner) => accepts(inner, value)).length === 1,
};

/** Whether `value` is one that `schema` describes. @throws Error for a keyword that shapes do not write. */
export function accepts(schema: JsonValue, value: unknown): boolean {
  if (schema === true) return true;
  if (!isObject(schema)) throw new Error('a schema is true or an object');
  return Object.entries(schema).every(([keyword, argument]) => {
    const check = Object.hasOwn(KEYWORDS, keyword) ? KEYWORDS[keyword] : undefined;
    if (check === undefined) throw new Error(`no shape writes the keyword ${keyword}`);
    return check(argument, value, schema);
  });
}
