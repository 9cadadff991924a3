/**
 * Sets or removes one member in the text of a JSON file that belongs to another program, and leaves
 * every other byte as it is: comments, formatting, order, line ends, numbers that a parser would
 * round, all of it. A formatter would touch neighbours; here only the one member is written.
 *
 * Works on text that was accepted by `parseConfig` before.
 *
 * @module
 */
import { type Node, parseTree } from 'jsonc-parser';

const BLANKS_AND_COMMENTS = /(?:\s|\/\/[^\r\n]*|\/\*[\s\S]*?\*\/)*/y;
/** Blanks, and a comment that ends with its line. */
const REST_OF_LINE = /[^\S\r\n]*(?:\/\/[^\r\n]*|\/\*(?:(?!\*\/)[^\r\n])*\*\/[^\S\r\n]*)?(?=\r?\n|$)/y;
const BLANK_LINE_END = /[^\S\r\n]*(?:\r?\n|$)/y;

type Path = readonly [string, ...string[]];

/** Sets the member at `path` to `value`, creating objects on the way. */
export function setJsonMember(text: string, path: Path, value: unknown): string {
  return setIn({ text, ...layoutOf(text) }, rootOf(text), path, value);
}

/** Removes the member at `path`, which must exist. */
export function removeJsonMember(text: string, path: Path): string {
  const parent = path.slice(0, -1).reduce((object, key) => contentOf(member(object, key)), rootOf(text));
  const found = member(parent, path.at(-1) ?? '');
  const end = endOf(found);
  const comma = skip(BLANKS_AND_COMMENTS, text, end);
  const previous = parent.children?.[parent.children.indexOf(found) - 1];
  if (text[comma] === ',') {
    if (text.slice(end, comma).trim() === '') return cutLine(text, found.offset, comma + 1);
    return cutLine(text.slice(0, comma) + text.slice(comma + 1), found.offset, end);
  }
  if (previous === undefined) return emptied(text, parent, found);
  const before = skip(BLANKS_AND_COMMENTS, text, endOf(previous));
  if (text.slice(before + 1, found.offset).trim() === '') return text.slice(0, before) + text.slice(end);
  // A comment stands between the two: it stays, the comma goes.
  const cut = cutLine(text, found.offset, end);
  return cut.slice(0, before) + cut.slice(before + 1);
}

interface Layout {
  /** One step of indentation. */
  readonly step: string;
  readonly newline: string;
  /** Everything is on one line. */
  readonly flat: boolean;
}

interface Edited extends Layout {
  readonly text: string;
}

function layoutOf(text: string): Layout {
  return {
    step: /\n([ \t]+)"/.exec(text)?.[1] ?? '  ',
    newline: text.includes('\r\n') ? '\r\n' : '\n',
    flat: !/\n/.test(text.trim()) && !/^\{\s*\}$/.test(text.trim()),
  };
}

function setIn(edited: Edited, object: Node, [name, ...rest]: Path, value: unknown): string {
  const { text } = edited;
  const found = find(object, name);
  const [next, ...further] = rest;
  if (found !== undefined && next !== undefined) return setIn(edited, contentOf(found), [next, ...further], value);
  const whole = rest.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
  if (found === undefined) return insert(edited, object, name, whole);
  const old = contentOf(found);
  const written = write(edited, whole, startsLine(text, found.offset) ? indentAt(text, found.offset) : undefined);
  return text.slice(0, old.offset) + written + text.slice(endOf(old));
}

function insert(edited: Edited, object: Node, name: string, value: unknown): string {
  const { text, step, newline, flat } = edited;
  const line = (indent: string | undefined): string => `${JSON.stringify(name)}: ${write(edited, value, indent)}`;
  const last = object.children?.at(-1);
  if (last === undefined) {
    const close = endOf(object) - 1;
    const kept = text.slice(object.offset + 1, close).trimEnd();
    if (flat) return `${text.slice(0, close)}${line(undefined)}${text.slice(close)}`;
    const outer = indentAt(text, object.offset);
    const inner = outer + step;
    return `${text.slice(0, object.offset + 1)}${kept}${newline}${inner}${line(inner)}${newline}${outer}${text.slice(close)}`;
  }
  const end = endOf(last);
  if (!startsLine(text, last.offset)) return `${text.slice(0, end)}, ${line(undefined)}${text.slice(end)}`;
  const comma = skip(BLANKS_AND_COMMENTS, text, end);
  const trailing = text[comma] === ',';
  // A comment behind the last member is about that member: the new one comes after it.
  const from = trailing ? comma + 1 : end;
  const at = skip(REST_OF_LINE, text, from);
  const indent = indentAt(text, last.offset);
  return `${text.slice(0, end)}${trailing ? '' : ','}${text.slice(end, at)}${newline}${indent}${line(indent)}${trailing ? ',' : ''}${text.slice(at)}`;
}

/** The value on several lines, or on one without `indent`. */
function write({ step, newline }: Layout, value: unknown, indent: string | undefined): string {
  return indent === undefined
    ? JSON.stringify(value)
    : JSON.stringify(value, undefined, step).replaceAll('\n', newline + indent);
}

/** Removes the only member of an object. */
function emptied(text: string, object: Node, only: Node): string {
  const start = object.offset + 1;
  const close = endOf(object) - 1;
  const rest = text.slice(start, only.offset) + text.slice(endOf(only), close);
  return rest.trim() === '' ? text.slice(0, start) + text.slice(close) : cutLine(text, only.offset, endOf(only));
}

/** Cuts a piece out, and its line where nothing else is on it. */
function cutLine(text: string, from: number, to: number): string {
  const start = text.lastIndexOf('\n', from - 1) + 1;
  const end = skip(BLANK_LINE_END, text, to);
  return startsLine(text, from) && end > to
    ? text.slice(0, start) + text.slice(end)
    : text.slice(0, from) + text.slice(to);
}

function startsLine(text: string, offset: number): boolean {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  return start > 0 && text.slice(start, offset).trim() === '';
}

function indentAt(text: string, offset: number): string {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  return /^[ \t]*/.exec(text.slice(start, offset))?.[0] ?? '';
}

/** The offset behind what `pattern` matches at `from`; `from` itself where it does not. */
function skip(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.test(text) ? pattern.lastIndex : from;
}

function rootOf(text: string): Node {
  const root = parseTree(text);
  if (root === undefined) throw new Error('text was not checked before it is edited');
  return root;
}

function find(object: Node, key: string): Node | undefined {
  return object.children?.find((child) => child.children?.[0]?.value === key);
}

function member(object: Node, key: string): Node {
  const found = find(object, key);
  if (found === undefined) throw new Error(`no member ${JSON.stringify(key)}`);
  return found;
}

function contentOf(property: Node): Node {
  const value = property.children?.[1];
  if (value === undefined) throw new Error('a member without a value');
  return value;
}

function endOf(node: Node): number {
  return node.offset + node.length;
}
