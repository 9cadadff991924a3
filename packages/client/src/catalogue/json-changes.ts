/**
 * How two JSON values differ, by path, for people.
 *
 * @module
 */
import type { JsonValue } from '@vitrine/documents';
import { isObject } from './canonical.ts';

export interface JsonChange {
  /** JSON Pointer (RFC 6901) from the compared value, such as `/properties/path/type`. */
  readonly path: string;
  /** `undefined`: not there. */
  readonly before: JsonValue | undefined;
  readonly after: JsonValue | undefined;
}

/** The differences, outermost first where whole parts came or went. Lists of one length are compared by place. */
export function jsonChanges(before: JsonValue | undefined, after: JsonValue | undefined, path = ''): JsonChange[] {
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return names.flatMap((name) => jsonChanges(own(before, name), own(after, name), `${path}/${pointerStep(name)}`));
  }
  if (isList(before) && isList(after) && before.length === after.length) {
    return before.flatMap((one, index) => jsonChanges(one, after[index], `${path}/${index}`));
  }
  return sameJson(before, after) ? [] : [{ path, before, after }];
}

function sameJson(left: JsonValue | undefined, right: JsonValue | undefined): boolean {
  if (isList(left) && isList(right)) {
    return left.length === right.length && left.every((one, index) => sameJson(one, right[index]));
  }
  return left === right || (isObject(left) && isObject(right) && jsonChanges(left, right).length === 0);
}

function own(value: { readonly [key: string]: JsonValue }, name: string): JsonValue | undefined {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function pointerStep(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
