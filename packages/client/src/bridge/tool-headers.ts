/**
 * Arguments that a tool wants mirrored in headers: `x-mcp-header` annotations in its input schema
 * (MCP 2026-07-28). The bridge learns them from the tool lists that pass by.
 *
 * @module
 */
import { isRecord, type Params } from './message.ts';

interface Declaration {
  readonly header: string;
  /** Member names from the arguments to the value. */
  readonly path: readonly string[];
}

export interface ToolHeaders {
  /** Takes note of the result of a `tools/list`. */
  learn(result: Params): void;
  /** Header names and values for a call. Absent and null arguments have none. */
  valuesFor(tool: string, args: Params): readonly (readonly [string, string])[];
}

const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
const MAX_TOOLS = 10_000;
const MAX_DEPTH = 16;

export function createToolHeaders(): ToolHeaders {
  const known = new Map<string, readonly Declaration[]>();
  return {
    learn({ tools }) {
      for (const tool of Array.isArray(tools) ? tools : []) {
        if (!isRecord(tool) || typeof tool['name'] !== 'string' || known.size >= MAX_TOOLS) continue;
        known.set(tool['name'], declarations(tool['inputSchema'], []));
      }
    },
    valuesFor(tool, args) {
      return (known.get(tool) ?? []).flatMap(({ header, path }) => {
        const value = path.reduce<unknown>(
          (node, name) => (isRecord(node) && Object.hasOwn(node, name) ? node[name] : undefined),
          args,
        );
        return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
          ? [[`mcp-param-${header}`, String(value)] as const]
          : [];
      });
    },
  };
}

/** Annotations are honoured along chains of `properties` only, as the specification says. */
function declarations(schema: unknown, path: readonly string[]): readonly Declaration[] {
  if (!isRecord(schema) || !isRecord(schema['properties']) || path.length >= MAX_DEPTH) return [];
  return Object.entries(schema['properties']).flatMap(([name, property]) => {
    const here = [...path, name];
    const header = isRecord(property) ? property['x-mcp-header'] : undefined;
    const own = typeof header === 'string' && TOKEN.test(header) ? [{ header: header.toLowerCase(), path: here }] : [];
    return [...own, ...declarations(property, here)];
  });
}
