/**
 * Reads the JSON configuration of another program, before it is edited as text.
 *
 * What cannot be understood without doubt is left alone: a syntax error, a key that stands twice
 * where the edit goes, a member that is no object. In files of `jsonc` syntax comments and trailing
 * commas are allowed.
 *
 * @module
 */
import { UsageError } from '@vitrine/documents';
import { getNodeValue, type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import type { ConfigTarget } from './mcp-clients.ts';

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * The whole value of `config`, with or without a byte order mark, whose top level and members along `target.path` are objects where
 * they exist.
 *
 * @throws UsageError naming file, line and column.
 */
export function parseConfig(config: string, { file, path, syntax }: ConfigTarget): JsonObject {
  const text = config.replace(/^\ufeff/, '');
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { disallowComments: syntax === 'json', allowTrailingComma: syntax === 'jsonc' });
  const [error] = errors;
  if (error !== undefined || root === undefined) {
    const reason = error === undefined ? 'nothing is in it' : printParseErrorCode(error.error);
    throw new UsageError(
      'entry.syntax',
      `${place(file, text, error?.offset ?? 0)}: not ${syntax === 'json' ? 'JSON' : 'JSON with comments'} (${reason}); nothing was changed`,
    );
  }
  let node: Node | undefined = root;
  for (const [depth, key] of [undefined, ...path].entries()) {
    if (key !== undefined) node = node?.children?.find((child) => child.children?.[0]?.value === key)?.children?.[1];
    if (node === undefined) break;
    const what = depth === 0 ? 'the top level' : JSON.stringify(path.slice(0, depth).join('.'));
    if (node.type !== 'object') {
      throw new UsageError(
        'entry.shape',
        `${place(file, text, node.offset)}: ${what} is not an object; nothing was changed`,
      );
    }
    refuseTwice(node, file, text);
  }
  return getNodeValue(root) as JsonObject;
}

/** Programs differ in which of two equal keys counts, so the edit could be about the other one. */
function refuseTwice(object: Node, file: string, text: string): void {
  const seen = new Set<unknown>();
  for (const { children, offset } of object.children ?? []) {
    const key: unknown = children?.[0]?.value;
    if (seen.has(key)) {
      throw new UsageError(
        'entry.syntax',
        `${place(file, text, offset)}: ${JSON.stringify(key)} stands here twice; nothing was changed`,
      );
    }
    seen.add(key);
  }
}

function place(file: string, text: string, offset: number): string {
  const lines = text.slice(0, offset).split('\n');
  return `${file}:${lines.length}:${(lines.at(-1) ?? '').length + 1}`;
}
