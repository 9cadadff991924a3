/**
 * Reads YAML 1.2 as plain data, and remembers where everything stood.
 *
 * Refused, because two readers could see different things or because a small text could stand for a huge
 * one: anchors, aliases, merge keys, tags, duplicate keys, keys that are not text, several documents; and
 * numbers that lose digits or their form when they are read, such as addresses without quotes.
 *
 * @module
 */
import { UsageError } from '@vitrine/documents';
import {
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  type Scalar,
  visit,
} from 'yaml';

type Path = readonly (string | number)[];

export interface YamlFile {
  /** Objects without prototype, lists, text, numbers, booleans, null. */
  readonly value: unknown;
  /** `line:column` of the value at `path`, or of its key; of the nearest enclosing value where there is none. */
  position(path: Path, of: 'key' | 'value'): string;
}

const MAX_BYTES = 256 * 1024;

/**
 * @param name - How to call the file in errors.
 * @throws UsageError with code `config.syntax`; the message begins with `name:line:column`.
 */
export function readYaml(content: string, name: string): YamlFile {
  if (Buffer.byteLength(content) > MAX_BYTES) {
    throw new UsageError('config.syntax', `${name}: larger than ${MAX_BYTES} bytes`);
  }
  const lines = new LineCounter();
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${line}:${col}`;
  };
  const fail = (offset: number, why: string): never => {
    throw new UsageError('config.syntax', `${name}:${at(offset)}: ${why}`);
  };
  const documents = parseAllDocuments(content, {
    lineCounter: lines,
    prettyErrors: false,
    strict: true,
    stringKeys: true,
    uniqueKeys: true,
    merge: false,
    version: '1.2',
    schema: 'core',
    resolveKnownTags: false,
  });
  if (!Array.isArray(documents) || documents.length === 0) return fail(0, 'the file is empty');
  const [document, second] = documents;
  if (document === undefined) return fail(0, 'the file is empty');
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem !== undefined) return fail(problem.pos[0], problem.message.split('\n', 1)[0] ?? 'not YAML');
  if (second !== undefined) return fail(second.range[0], 'a second document; the file must hold exactly one');

  visit(document, (_, node) => {
    if (isPair(node) || !isNode(node)) return;
    const offset = node.range?.[0] ?? 0;
    if (isAlias(node)) fail(offset, 'an alias (*); write the value out');
    if ('anchor' in node && node.anchor !== undefined)
      fail(offset, 'an anchor (&); write the value out where it is used');
    if (isScalar(node) && isLossy(node)) {
      fail(
        offset,
        `${node.source} without quotes is read as a number, which changes it; put it in quotes: "${node.source}"`,
      );
    }
    if (node.tag !== undefined && !isCoreTag(node.tag)) fail(offset, `a tag (${node.tag}); write a plain value`);
  });
  const root = document.contents as Node | null;
  return {
    value: plain(root),
    position: (path, of) => at(offsetOf(root, path, of)),
  };
}

/** Whether a number is not what was written: too large, or written in another base. */
function isLossy({ value, source = '' }: Scalar): boolean {
  if (typeof value !== 'number') return false;
  const isTooLarge = !Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value));
  return isTooLarge || /^[-+]?0[xo]/i.test(source);
}

function isCoreTag(tag: string): boolean {
  return /^tag:yaml\.org,2002:(?:map|seq|str|int|float|bool|null)$/.test(tag);
}

function plain(node: unknown): unknown {
  if (isScalar(node)) return node.value;
  if (isSeq(node)) return node.items.map(plain);
  if (!isMap(node)) return null;
  const made = Object.create(null) as Record<string, unknown>;
  for (const pair of node.items) made[keyOf(pair.key)] = plain(pair.value);
  return made;
}

function offsetOf(root: Node | null, path: Path, of: 'key' | 'value'): number {
  let node: unknown = root;
  let offset = root?.range?.[0] ?? 0;
  for (const [index, step] of path.entries()) {
    const pair = isMap(node) ? node.items.find((one) => keyOf(one.key) === step) : undefined;
    const next: unknown = isSeq(node) && typeof step === 'number' ? node.items[step] : pair?.value;
    const wanted = of === 'key' && index === path.length - 1 && pair !== undefined ? pair.key : (next ?? pair?.key);
    if (!isNode(wanted) || !wanted.range) return offset;
    offset = wanted.range[0];
    node = next;
  }
  return offset;
}

function keyOf(key: unknown): string {
  return isScalar(key) ? String(key.value) : String(key);
}
