/**
 * Reads one document that a person wrote or keeps: strict JSON of a known shape, with errors that
 * name file, line and column.
 *
 * @module
 */
import { UsageError } from './errors.ts';
import { type Shape, showPath } from './shape.ts';
import { JsonSyntaxError, parseStrictJson } from './strict-json.ts';

/**
 * Parses `text` as the document `shape` describes.
 *
 * @param name - How to call the file in errors.
 * @throws UsageError with code `document.syntax` or `document.shape`.
 */
export function parseDocument<T>(text: string, shape: Shape<T>, name: string): T {
  const parsed = shape.parse(parseJsonFile(text, name));
  if (parsed.ok) return parsed.value;
  const lines = parsed.issues.map((issue) => `  ${showPath(issue.path) || '(top level)'}: ${issue.message}`);
  throw new UsageError('document.shape', `${name} is not valid:\n${lines.join('\n')}`);
}

/** Parses strict JSON; the error says line and column. */
export function parseJsonFile(text: string, name: string): unknown {
  try {
    return parseStrictJson(text);
  } catch (cause) {
    if (!(cause instanceof JsonSyntaxError)) throw cause;
    const before = text.slice(0, cause.offset).split('\n');
    const place = `${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
    throw new UsageError('document.syntax', `${name}:${place}: not strict JSON: ${cause.message}`, { cause });
  }
}
