/**
 * Sets one member in the text of a JSON file that belongs to another program, and leaves every
 * other byte as it is: formatting, order, numbers that a parser would round, all of it.
 *
 * Works on text that was accepted as strict JSON before; it does no checking of its own.
 *
 * @module
 */

interface Member {
  readonly key: string;
  readonly valueStart: number;
  readonly valueEnd: number;
}

interface ObjectSpan {
  readonly members: readonly Member[];
  /** Of the opening brace and of the closing one. */
  readonly open: number;
  readonly close: number;
}

/**
 * Sets the member at `path` of the object in `text` to `value`, creating objects on the way.
 *
 * @param text - Strict JSON whose top level is an object, as are the existing members on the path.
 */
export function setJsonMember(text: string, path: readonly [string, ...string[]], value: unknown): string {
  const indent = /\n([ \t]+)"/.exec(text)?.[1] ?? '  ';
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  return setIn(text, skipBlank(text, 0), path, value, { indent, newline, depth: 1 });
}

interface Layout {
  readonly indent: string;
  readonly newline: string;
  readonly depth: number;
}

function setIn(text: string, at: number, path: readonly string[], value: unknown, layout: Layout): string {
  const [name, ...rest] = path;
  if (name === undefined) return text;
  const { indent, newline, depth } = layout;
  const span = readObject(text, at);
  const member = span.members.find(({ key }) => key === name);
  if (member !== undefined && rest.length > 0) {
    return setIn(text, member.valueStart, rest, value, { ...layout, depth: depth + 1 });
  }
  const whole = rest.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
  const pad = newline + indent.repeat(depth);
  const written = JSON.stringify(whole, undefined, indent).replaceAll('\n', pad);
  if (member !== undefined) return text.slice(0, member.valueStart) + written + text.slice(member.valueEnd);
  const line = `${pad}${JSON.stringify(name)}: ${written}`;
  const last = span.members.at(-1);
  return last === undefined
    ? `${text.slice(0, span.open + 1)}${line}${newline}${indent.repeat(depth - 1)}${text.slice(span.close)}`
    : `${text.slice(0, last.valueEnd)},${line}${text.slice(last.valueEnd)}`;
}

function readObject(text: string, open: number): ObjectSpan {
  const members: Member[] = [];
  let at = skipBlank(text, open + 1);
  while (text[at] !== '}') {
    const keyEnd = skipString(text, at);
    const key = JSON.parse(text.slice(at, keyEnd)) as string;
    const valueStart = skipBlank(text, skipBlank(text, keyEnd) + 1);
    const valueEnd = skipValue(text, valueStart);
    members.push({ key, valueStart, valueEnd });
    at = skipBlank(text, valueEnd);
    if (text[at] === ',') at = skipBlank(text, at + 1);
  }
  return { members, open, close: at };
}

function skipBlank(text: string, from: number): number {
  let at = from;
  while (at < text.length && ' \t\r\n'.includes(text.charAt(at))) at++;
  return at;
}

function skipString(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function skipValue(text: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < text.length) {
    const character = text.charAt(at);
    if (character === '"') at = skipString(text, at);
    else {
      if (depth === 0 && ',}] \t\r\n'.includes(character)) return at;
      if (character === '{' || character === '[') depth++;
      if (character === '}' || character === ']') depth--;
      at++;
    }
    if (depth === 0 && '"}]'.includes(text.charAt(at - 1))) return at;
  }
  return at;
}
