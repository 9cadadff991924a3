/**
 * The tool catalogue of a server in its raw wire form, and its digests.
 *
 * Everything that a tool's entry in a `tools/list` result says counts, members that no schema knows
 * included: what a model reads is not only what an SDK keeps. What is digested is said by
 * `catalogue.ts` of `@vitrine/documents`, which the enclave uses, too.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { canonicalBytes, catalogueBytes, type JsonValue } from '@vitrine/documents';
import { RefusedError } from '../errors.ts';

/** The check that refuses a changed or unreadable catalogue. */
export const CATALOGUE_CHECK = 'pin.catalogue';

export type JsonObject = { readonly [key: string]: JsonValue };

/** One tool as it was on the wire. */
export interface ListedTool {
  readonly name: string;
  /** SHA-256 of its canonical bytes, lower-case hexadecimal. */
  readonly digest: string;
  readonly definition: JsonObject;
  /** Length of its canonical bytes. */
  readonly bytes: number;
}

/** One page of a listing. */
export interface ListedPage {
  readonly tools: readonly ListedTool[];
  /** Cursor of the next page; `undefined` on the last one. */
  readonly nextCursor: string | undefined;
}

/**
 * Reads the `result` of a `tools/list` answer that was parsed as strict JSON.
 *
 * @throws RefusedError (check `pin.catalogue`) for what is no listing of named tools.
 */
export function readListedPage(result: JsonValue | undefined): ListedPage {
  const tools = isObject(result) ? result['tools'] : undefined;
  if (!isObject(result) || !Array.isArray(tools)) throw unreadable('the result has no list "tools"');
  const cursor = result['nextCursor'];
  return {
    tools: tools.map((tool: JsonValue, index) => listedTool(tool, index)),
    nextCursor: typeof cursor === 'string' ? cursor : undefined,
  };
}

function listedTool(definition: JsonValue, index: number): ListedTool {
  const name = isObject(definition) ? definition['name'] : undefined;
  if (!isObject(definition) || typeof name !== 'string') throw unreadable(`tool ${index} of the list has no name`);
  const bytes = canonicalBytes(definition);
  return { name, digest: sha256(bytes), definition, bytes: bytes.length };
}

/** SHA-256 of a tool's canonical bytes, lower-case hexadecimal. */
export function toolDigest(definition: JsonObject): string {
  return sha256(canonicalBytes(definition));
}

/** The digest over the names and digests of all tools, lower-case hexadecimal. */
export function catalogueDigest(digests: Iterable<readonly [name: string, digest: string]>): string {
  return sha256(catalogueBytes(digests));
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A list of tools that cannot be held against a pin. */
export function unreadable(why: string, cause?: unknown): RefusedError {
  return new RefusedError(
    CATALOGUE_CHECK,
    `the server's list of tools cannot be checked: ${why}`,
    cause === undefined ? {} : { cause },
  );
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
