/**
 * How deep a JSON text nests, found without parsing it.
 *
 * The parser takes any depth, but what walks the value afterwards, such as writing it again, does not:
 * one message of a hundred thousand brackets would end the process with a stack overflow.
 *
 * @module
 */

/** No message of MCP is near this; schemas of tools may nest some ten deep. */
export const MAX_NESTING = 128;

/** A text that is shorter than this cannot overflow anything. */
const SHORT = 2 * MAX_NESTING;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const CLOSING: ReadonlySet<number> = new Set([0x5d, 0x7d]);

/** Whether `text`, if it is JSON, has brackets nested deeper than {@link MAX_NESTING}. */
export function nestsTooDeep(text: string): boolean {
  if (text.length < SHORT) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (OPENING.has(code)) {
      depth += 1;
      if (depth > MAX_NESTING) return true;
    } else if (CLOSING.has(code)) depth -= 1;
  }
  return false;
}

/** Where the string ends that begins at `start`; the end of the text where it does not. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes += 1;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
}
