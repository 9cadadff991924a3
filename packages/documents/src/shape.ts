/**
 * Shapes of documents: one description gives the parser, its errors and the JSON Schema for editors.
 *
 * A shape refuses what it does not know: unknown members, other types, other values. It never
 * fills in a value. Errors name the place, what was found, what is allowed and the nearest name.
 *
 * @module
 */
import { nearest } from './nearest.ts';
import type { JsonValue } from './strict-json.ts';

/** One thing that is wrong, at `path` (member names and array indexes from the root). */
export interface Issue {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

export type ParseResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly issues: readonly Issue[] };

export interface Shape<T> {
  /** JSON Schema (draft 2020-12) of what `parse` accepts. */
  readonly schema: JsonValue;
  /** Reads `value`, which stands at `path`. */
  parse(value: unknown, path?: Issue['path']): ParseResult<T>;
}

export type Infer<S> = S extends Shape<infer T> ? T : never;

export interface Optional<T> {
  readonly optional: Shape<T>;
}

type Member = Shape<unknown> | Optional<unknown>;
type Members = Readonly<Record<string, Member>>;
type OptionalKeys<M extends Members> = { [K in keyof M]: M[K] extends Optional<unknown> ? K : never }[keyof M];
type Required<M extends Members> = { readonly [K in Exclude<keyof M, OptionalKeys<M>>]: Infer<M[K]> };
type Partial<M extends Members> = { readonly [K in OptionalKeys<M>]?: M[K] extends Optional<infer T> ? T : never };
export type ObjectOf<M extends Members> = Required<M> & Partial<M>;

const fail = (path: Issue['path'], message: string): ParseResult<never> => ({ ok: false, issues: [{ path, message }] });

/** Text, optionally matching `pattern`; `what` names it in errors, for instance `a package name`. */
export function text(what = 'text', pattern?: RegExp): Shape<string> {
  return {
    schema:
      pattern === undefined
        ? { type: 'string', description: what }
        : { type: 'string', pattern: pattern.source, description: what },
    parse: (value, path = []) =>
      typeof value === 'string' && (pattern === undefined || pattern.test(value))
        ? { ok: true, value }
        : fail(path, `expected ${what}, found ${show(value)}`),
  };
}

/** Lower-case hexadecimal of exactly `bytes` bytes. */
export function hex(bytes: number): Shape<string> {
  return text(`${bytes} bytes as ${bytes * 2} lower-case hexadecimal digits`, new RegExp(`^[0-9a-f]{${bytes * 2}}$`));
}

/** Unpadded base64url of exactly `bytes` bytes. Canonical spare bits are checked where it is decoded. */
export function base64Url(bytes: number): Shape<string> {
  const length = Math.ceil((bytes * 4) / 3);
  return text(`${bytes} bytes as ${length} characters of unpadded base64url`, new RegExp(`^[A-Za-z0-9_-]{${length}}$`));
}

/** A whole number of at least `minimum`. */
export function integer(minimum: number): Shape<number> {
  return {
    schema: { type: 'integer', minimum },
    parse: (value, path = []) =>
      typeof value === 'number' && Number.isSafeInteger(value) && value >= minimum
        ? { ok: true, value }
        : fail(path, `expected a whole number of at least ${minimum}, found ${show(value)}`),
  };
}

/** Exactly one of `values`. */
export function oneOf<const V extends string | number | boolean>(...values: readonly V[]): Shape<V> {
  return {
    schema: { enum: [...values] },
    parse: (value, path = []) => {
      if (values.includes(value as V)) return { ok: true, value: value as V };
      const hint =
        typeof value === 'string'
          ? nearest(
              value,
              values.filter((known) => typeof known === 'string'),
            )
          : undefined;
      const allowed = values.map((known) => JSON.stringify(known)).join(', ');
      return fail(
        path,
        `expected ${values.length === 1 ? '' : 'one of '}${allowed}, found ${show(value)}${didYouMean(hint)}`,
      );
    },
  };
}

/** A list of at least `minimum` entries: an empty list would silently accept or refuse everything. */
export function list<T>(entry: Shape<T>, minimum = 1): Shape<readonly T[]> {
  return {
    schema: { type: 'array', items: entry.schema, minItems: minimum },
    parse: (value, path = []) => {
      if (!Array.isArray(value)) return fail(path, `expected a list, found ${show(value)}`);
      if (value.length < minimum) return fail(path, `expected a list of at least ${minimum} entry, found an empty one`);
      return collect(value.map((one, index) => entry.parse(one, [...path, index])));
    },
  };
}

/** A map from names that match `key` to values; may be empty only when `minimum` is 0. */
export function mapOf<T>(key: RegExp, entry: Shape<T>, minimum = 0): Shape<Readonly<Record<string, T>>> {
  return {
    schema: {
      type: 'object',
      patternProperties: { [key.source]: entry.schema },
      additionalProperties: false,
      minProperties: minimum,
    },
    parse: (value, path = []) => {
      if (!isRecord(value)) return fail(path, `expected an object, found ${show(value)}`);
      const names = Object.keys(value);
      if (names.length < minimum) return fail(path, 'expected an object with at least one member, found an empty one');
      const bad = names.find((name) => !key.test(name));
      if (bad !== undefined)
        return fail([...path, bad], `the name ${JSON.stringify(bad)} does not match ${key.source}`);
      const entries = collect(names.map((name) => entry.parse(value[name], [...path, name])));
      return entries.ok
        ? { ok: true, value: record(names.map((name, index) => [name, entries.value[index] as T])) }
        : entries;
    },
  };
}

/** Marks a member of {@link object} that may be absent. An absent member stays absent. */
export function optional<T>(shape: Shape<T>): Optional<T> {
  return { optional: shape };
}

/** An object with exactly these members. */
export function object<const M extends Members>(members: M): Shape<ObjectOf<M>> {
  const known = Object.keys(members);
  const required = known.filter((name) => !('optional' in (members[name] as Member)));
  const shapeOf = (name: string): Shape<unknown> => {
    const member = members[name] as Member;
    return 'optional' in member ? member.optional : member;
  };
  return {
    schema: {
      type: 'object',
      properties: Object.fromEntries(known.map((name) => [name, shapeOf(name).schema])),
      required,
      additionalProperties: false,
    },
    parse: (value, path = []) => {
      if (!isRecord(value)) return fail(path, `expected an object, found ${show(value)}`);
      const issues: Issue[] = [];
      const entries: [string, unknown][] = [];
      for (const name of Object.keys(value)) {
        if (known.includes(name)) continue;
        issues.push({
          path: [...path, name],
          message: `unknown field ${JSON.stringify(name)}${didYouMean(nearest(name, known)) || `; allowed: ${known.join(', ')}`}`,
        });
      }
      for (const name of known) {
        if (!Object.hasOwn(value, name)) {
          if (required.includes(name)) issues.push({ path, message: `missing field ${JSON.stringify(name)}` });
          continue;
        }
        const parsed = shapeOf(name).parse(value[name], [...path, name]);
        if (parsed.ok) entries.push([name, parsed.value]);
        else issues.push(...parsed.issues);
      }
      return issues.length > 0 ? { ok: false, issues } : { ok: true, value: record(entries) as ObjectOf<M> };
    },
  };
}

/** One of several object shapes, told apart by the text in member `tag`. */
export function tagged<const V extends Readonly<Record<string, Shape<unknown>>>>(
  tag: string,
  variants: V,
): Shape<Infer<V[keyof V]>> {
  const names = Object.keys(variants);
  return {
    schema: { oneOf: names.map((name) => (variants[name] as Shape<unknown>).schema) },
    parse: (value, path = []) => {
      if (!isRecord(value)) return fail(path, `expected an object, found ${show(value)}`);
      const kind = oneOf(...names).parse(value[tag], [...path, tag]);
      if (!kind.ok) return kind;
      return (variants[kind.value] as Shape<Infer<V[keyof V]>>).parse(value, path);
    },
  };
}

/** Either shape, for values whose JSON types differ, such as `"any"` or a list. */
export function either<A, B>(first: Shape<A>, second: Shape<B>): Shape<A | B> {
  return {
    schema: { anyOf: [first.schema, second.schema] },
    parse: (value, path = []): ParseResult<A | B> => {
      const one = first.parse(value, path);
      if (one.ok) return one;
      const two = second.parse(value, path);
      if (two.ok) return two;
      // The alternative that got further into the value explains the mistake better.
      const deeper = two.issues.some((issue) => issue.path.length > path.length);
      if (deeper) return two;
      return fail(path, `${one.issues[0]?.message ?? ''}; or ${two.issues[0]?.message ?? ''}`);
    },
  };
}

/** `path` as people write it: `server.args[2]`. */
export function showPath(path: Issue['path']): string {
  const joined = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('');
  return joined.startsWith('.') ? joined.slice(1) : joined;
}

function collect<T>(results: readonly ParseResult<T>[]): ParseResult<readonly T[]> {
  const issues = results.flatMap((result) => (result.ok ? [] : result.issues));
  return issues.length > 0
    ? { ok: false, issues }
    : { ok: true, value: results.map((result) => (result as { value: T }).value) };
}

function record<T>(entries: readonly (readonly [string, T])[]): Record<string, T> {
  const made = Object.create(null) as Record<string, T>;
  for (const [name, value] of entries) made[name] = value;
  return made;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function didYouMean(name: string | undefined): string {
  return name === undefined ? '' : `; did you mean ${JSON.stringify(name)}?`;
}

function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (isRecord(value)) return 'an object';
  const shown = JSON.stringify(value);
  return shown.length > 80 ? `${shown.slice(0, 77)}…` : shown;
}
