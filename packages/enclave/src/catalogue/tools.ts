/**
 * The tools that a server lists, with the digests by which a manifest pins them.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { canonicalBytes, catalogueBytes } from '@vitrine/documents';
import { isObject } from '../gateway/message.ts';

/** One entry of a `tools/list` result. */
export interface ListedTool {
  readonly name: string;
  /** SHA-256 of the entry's canonical bytes, lower-case hexadecimal. */
  readonly digest: string;
  /** The entry itself. */
  readonly entry: Readonly<Record<string, unknown>>;
}

/** The tools of one `tools/list` result; `undefined` when it is no list of named tools. */
export function readTools(result: unknown): readonly ListedTool[] | undefined {
  const entries: unknown = isObject(result) ? result['tools'] : undefined;
  if (!Array.isArray(entries)) return undefined;
  const tools: ListedTool[] = [];
  for (const entry of entries as readonly unknown[]) {
    const name = isObject(entry) ? entry['name'] : undefined;
    if (!isObject(entry) || typeof name !== 'string') return undefined;
    const digest = digestOf(entry);
    if (digest === undefined) return undefined;
    tools.push({ name, digest, entry });
  }
  return tools;
}

/** `undefined` where the entry has no canonical form: numbers without bounds, half characters, endless depth. */
function digestOf(entry: Readonly<Record<string, unknown>>): string | undefined {
  try {
    return sha256(canonicalBytes(entry));
  } catch {
    return undefined;
  }
}

/** Digest of a whole catalogue, lower-case hexadecimal. */
export function catalogueDigest(tools: ReadonlyMap<string, string>): string {
  return sha256(catalogueBytes(tools));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
