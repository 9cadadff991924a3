/**
 * Which tools may be called again after a connection broke: those that say of themselves that they
 * only read, or that a repetition changes nothing (MCP, tool annotations). Learned from the tool
 * lists that pass by, which come from the attested server.
 *
 * @module
 */
import { isRecord, type Params } from './message.ts';

export interface ToolHints {
  /** Takes note of the result of a `tools/list`. */
  learn(result: Params): void;
  repeatable(tool: string): boolean;
}

const MAX_TOOLS = 10_000;

export function createToolHints(): ToolHints {
  const known = new Map<string, boolean>();
  return {
    learn({ tools }) {
      for (const tool of Array.isArray(tools) ? tools : []) {
        if (!isRecord(tool) || typeof tool['name'] !== 'string') continue;
        if (known.size >= MAX_TOOLS && !known.has(tool['name'])) continue;
        const hints = isRecord(tool['annotations']) ? tool['annotations'] : {};
        known.set(tool['name'], hints['readOnlyHint'] === true || hints['idempotentHint'] === true);
      }
    },
    repeatable: (tool) => known.get(tool) === true,
  };
}
