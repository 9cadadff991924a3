/**
 * Counts which branches run: changes the sources of the packages while Node loads them, so that
 * every branch counts up one place of a shared map. This is what makes the fuzzing coverage-guided.
 *
 * Positions come from the syntax tree; only expressions and statements are touched, so that the
 * types can be stripped as ever. Nothing is written to disk.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parseAst } from 'rolldown/parseAst';

/** Places in the map; far more than the parsers have branches. */
const MAP_SIZE = 1 << 16;
const INSTRUMENTED = /\/packages\/(?:documents|verifier)\/src\/.*\.ts$/;
const COUNTERS = '__branches';
/** Token of this length or less are worth writing into an input. */
const MAX_TOKEN = 40;

export interface Coverage {
  /** How often each branch ran since it was cleared, modulo 256. */
  readonly map: Uint8Array;
  /** How many branches there are in what was loaded. */
  branches(): number;
  /** Texts and numbers that the sources mention: what an input may have to contain. */
  tokens(): readonly Uint8Array[];
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [member: string]: unknown;
}

interface Insertion {
  readonly at: number;
  readonly text: string;
}

/** Instruments what is imported from now on. To be called once, before the parsers are imported. */
export function instrument(): Coverage {
  const map = new Uint8Array(MAP_SIZE);
  (globalThis as Record<string, unknown>)[COUNTERS] = map;
  const tokens = new Set<string>();
  let branches = 0;
  const count = (): string => {
    if (branches === MAP_SIZE) throw new Error(`more than ${MAP_SIZE} branches: make the map larger`);
    return `${COUNTERS}[${branches++}]++`;
  };
  registerHooks({
    load(url, context, next) {
      if (!url.startsWith('file:') || !INSTRUMENTED.test(url)) return next(url, context);
      const source = readFileSync(fileURLToPath(url), 'utf8');
      const insertions: Insertion[] = [];
      visit(parseAst(source, { lang: 'ts' }) as unknown as Node, insertions, tokens, count);
      return { format: 'module-typescript', source: withInsertions(source, insertions), shortCircuit: true };
    },
  });
  return {
    map,
    branches: () => branches,
    tokens: () => [...tokens].map((token) => Uint8Array.from(Buffer.from(token, 'latin1'))),
  };
}

function visit(node: Node, insertions: Insertion[], tokens: Set<string>, count: () => string): void {
  // What exists for the type checker alone runs never.
  if (node.type.startsWith('TS') && !node.type.endsWith('Expression')) return;
  if (node.type === 'Literal') collect(node['value'], tokens);
  if (node.type === 'TemplateElement') collect((node['value'] as { readonly cooked?: unknown }).cooked, tokens);
  for (const body of branchesOf(node)) {
    if (body.type === 'BlockStatement') insertions.push({ at: body.start + 1, text: `${count()};` });
    else if (body.type.endsWith('Statement')) {
      insertions.push({ at: body.start, text: `{${count()};` }, { at: body.end, text: '}' });
    } else insertions.push({ at: body.start, text: `(${count()},` }, { at: body.end, text: ')' });
  }
  if (node.type === 'SwitchCase') {
    const [first] = node['consequent'] as readonly Node[];
    if (first !== undefined) insertions.push({ at: first.start, text: `${count()};` });
  }
  for (const [name, child] of Object.entries(node)) {
    if (name === 'parent') continue;
    for (const one of Array.isArray(child) ? child : [child]) if (isNode(one)) visit(one, insertions, tokens, count);
  }
}

/** The parts of a node that may or may not run. */
function branchesOf(node: Node): readonly Node[] {
  const parts = (...names: readonly string[]): readonly Node[] => names.map((name) => node[name]).filter(isNode);
  switch (node.type) {
    case 'IfStatement':
    case 'ConditionalExpression':
      return parts('consequent', 'alternate');
    case 'LogicalExpression':
      return parts('right');
    case 'ForStatement':
    case 'ForOfStatement':
    case 'ForInStatement':
    case 'WhileStatement':
    case 'DoWhileStatement':
    case 'CatchClause':
    case 'FunctionDeclaration':
    case 'FunctionExpression':
    case 'ArrowFunctionExpression':
      return parts('body');
    default:
      return [];
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as { readonly type?: unknown }).type === 'string';
}

function collect(value: unknown, tokens: Set<string>): void {
  if (typeof value === 'string' && value.length > 0 && value.length <= MAX_TOKEN) tokens.add(value);
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 0xffffffff) return;
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  const width = value < 0x100 ? 1 : value < 0x10000 ? 2 : 4;
  tokens.add(bytes.subarray(0, width).toString('latin1'));
  tokens.add(Buffer.from(bytes.subarray(0, width)).reverse().toString('latin1'));
}

function withInsertions(source: string, insertions: readonly Insertion[]): string {
  // Inner nodes are found after outer ones: at equal places, what opens an outer one stays outside.
  const inOrder = insertions.map((insertion, order) => ({ ...insertion, order }));
  inOrder.sort((left, right) => {
    if (left.at !== right.at) return left.at - right.at;
    const closes = (text: string): boolean => text === ')' || text === '}';
    if (closes(left.text) !== closes(right.text)) return closes(left.text) ? -1 : 1;
    return closes(left.text) ? right.order - left.order : left.order - right.order;
  });
  const parts: string[] = [`const ${COUNTERS} = globalThis.${COUNTERS};`];
  let offset = 0;
  for (const { at, text } of inOrder) {
    parts.push(source.slice(offset, at), text);
    offset = at;
  }
  parts.push(source.slice(offset));
  return parts.join('');
}
