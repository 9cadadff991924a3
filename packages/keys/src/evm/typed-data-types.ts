/**
 * The types of typed data: structures of named members, as EIP-712 writes and hashes them.
 *
 * Only definitions with one reading pass: canonical names, no structure that is named like an elementary
 * type, each structure reachable from what is signed, and none left over.
 *
 * Specification: EIP-712, "Definition of typed structured data" and `encodeType`.
 *
 * @module
 */
import { type Elementary, elementary } from './elementary.ts';
import { refuse } from './refuse.ts';

export type FieldType =
  | { readonly kind: 'elementary'; readonly name: string; readonly type: Elementary }
  | { readonly kind: 'text' | 'blob' }
  | { readonly kind: 'struct'; readonly name: string }
  | { readonly kind: 'array'; readonly of: FieldType; readonly length?: number };

interface Field {
  readonly name: string;
  /** As it is written in the definition. */
  readonly written: string;
  readonly type: FieldType;
}

export type Structs = ReadonlyMap<string, readonly Field[]>;

export const DOMAIN = 'EIP712Domain';

const MAX_STRUCTS = 32;
/** In all structures: the text of a type is hashed with those of all that it uses. */
const MAX_FIELDS = 256;
const MAX_DIMENSIONS = 4;
const NAME = /^[A-Za-z_$][A-Za-z0-9_$]{0,63}$/;
/** What another reader could take for a type of Solidity, whether it is one or not. */
const RESERVED = /^(?:address|bool|string|byte|function|u?int[0-9]*|bytes[0-9]*|u?fixed(?:[0-9]+x[0-9]+)?)$/;
const ARRAY = /^(.+)\[(|[1-9][0-9]{0,3})\]$/;

/** Names of an object's own members; refuses what is no plain object. */
function members(value: unknown, what: string): readonly string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    refuse('evm.typed-data', `${what}: expected an object`);
  return Object.keys(value);
}

/** Refuses an object that has other members than exactly these. */
export function expectMembers(
  value: unknown,
  what: string,
  expected: readonly string[],
): Readonly<Record<string, unknown>> {
  const given = members(value, what);
  const unknown = given.find((name) => !expected.includes(name));
  if (unknown !== undefined)
    refuse('evm.unknown-member', `${what}: member ${JSON.stringify(unknown)} is not in its type`);
  const missing = expected.find((name) => !given.includes(name));
  if (missing !== undefined) refuse('evm.missing-member', `${what}: member ${JSON.stringify(missing)} is missing`);
  return value as Readonly<Record<string, unknown>>;
}

/**
 * Reads `types`, in which everything must be used by `primaryType` or the domain.
 *
 * @throws RefusedRequestError `evm.type` and others.
 */
export function readStructs(value: unknown, primaryType: string): Structs {
  const names = members(value, 'types');
  if (names.length > MAX_STRUCTS)
    refuse('evm.too-large', `types: expected at most ${MAX_STRUCTS}, got ${names.length}`);
  const misnamed = names.find((name) => !NAME.test(name) || RESERVED.test(name));
  if (misnamed !== undefined) refuse('evm.type', `types: ${JSON.stringify(misnamed)} is no name for a structure`);
  const defined = new Set(names);
  const structs = new Map<string, readonly Field[]>();
  let room = MAX_FIELDS;
  for (const name of names) {
    const fields = readFields(name, (value as Record<string, unknown>)[name], defined, room);
    room -= fields.length;
    structs.set(name, fields);
  }
  for (const needed of [DOMAIN, primaryType])
    if (!structs.has(needed)) refuse('evm.type', `types: ${JSON.stringify(needed)} is not defined`);
  if (primaryType === DOMAIN) refuse('evm.type', `primaryType: ${DOMAIN} is no message`);
  const used = dependencies(structs, primaryType);
  if (used.has(DOMAIN)) refuse('evm.type', `types: ${DOMAIN} is used within the message`);
  const unused = names.find((name) => name !== DOMAIN && !used.has(name));
  if (unused !== undefined) refuse('evm.type', `types: ${unused} is used by nothing that is signed`);
  return structs;
}

function readFields(struct: string, value: unknown, defined: ReadonlySet<string>, room: number): readonly Field[] {
  if (!Array.isArray(value)) refuse('evm.type', `types.${struct}: expected a list of members`);
  if (value.length > room) refuse('evm.too-large', `types: more than ${MAX_FIELDS} members in all`);
  const seen = new Set<string>();
  return Array.from(value as readonly unknown[], (entry, index) => {
    const what = `types.${struct}[${index}]`;
    const { name, type } = expectMembers(entry, what, ['name', 'type']);
    if (typeof name !== 'string' || !NAME.test(name)) refuse('evm.type', `${what}: expected a name for a member`);
    if (typeof type !== 'string') refuse('evm.type', `${what}: expected the name of a type`);
    if (seen.has(name)) refuse('evm.type', `${what}: a second member ${name}`);
    seen.add(name);
    return { name, written: type, type: readType(type, what, defined, MAX_DIMENSIONS) };
  });
}

function readType(written: string, what: string, defined: ReadonlySet<string>, dimensions: number): FieldType {
  const [, of, length] = ARRAY.exec(written) ?? [];
  if (of !== undefined) {
    if (dimensions === 0) refuse('evm.type', `${what}: arrays more than ${MAX_DIMENSIONS} deep`);
    const element = readType(of, what, defined, dimensions - 1);
    return length === '' ? { kind: 'array', of: element } : { kind: 'array', of: element, length: Number(length) };
  }
  if (written === 'string') return { kind: 'text' };
  if (written === 'bytes') return { kind: 'blob' };
  const type = elementary(written);
  if (type !== undefined) return { kind: 'elementary', name: written, type };
  return defined.has(written)
    ? { kind: 'struct', name: written }
    : refuse('evm.type', `${what}: type ${JSON.stringify(written.slice(0, 80))} is not defined`);
}

/** The structures that `name` is made of, itself included. */
export function dependencies(structs: Structs, name: string): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [name];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    for (const field of structs.get(next) ?? []) {
      const struct = structOf(field.type);
      if (struct !== undefined) open.push(struct);
    }
  }
  return found;
}

function structOf(type: FieldType): string | undefined {
  if (type.kind === 'array') return structOf(type.of);
  return type.kind === 'struct' ? type.name : undefined;
}

/** The text that names the type: the structure itself, then those it uses in the order of their names. */
export function encodeType(structs: Structs, name: string): string {
  const others = [...dependencies(structs, name)].filter((other) => other !== name).sort();
  return [name, ...others]
    .map(
      (struct) =>
        `${struct}(${(structs.get(struct) ?? []).map((field) => `${field.written} ${field.name}`).join(',')})`,
    )
    .join('');
}
