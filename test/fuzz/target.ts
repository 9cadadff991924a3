/**
 * What is fuzzed: one parser and the seeds from which its corpus was made.
 *
 * @module
 */
import { type JsonSyntaxError, MalformedEvidenceError, UsageError } from '@vitrine/documents';
import { RefusalError } from '../../packages/verifier/src/refusal.ts';

export interface Target {
  /** Reads `bytes`; may throw the errors that {@link Target.refusals} names, and nothing else. */
  run(bytes: Uint8Array<ArrayBuffer>): unknown;
  /** Well-formed inputs, and some that are not, by a name. Made by the project alone. */
  seeds(): Promise<Readonly<Record<string, Uint8Array>>>;
  /** Errors beyond the ones that every parser may throw. */
  readonly refusals?: readonly (typeof JsonSyntaxError)[];
  /** Longer inputs are cut. */
  readonly maxLength: number;
}

/** Whether `error` is how a parser says no. */
export function isRefusal({ refusals = [] }: Target, error: unknown): boolean {
  return [MalformedEvidenceError, RefusalError, UsageError, ...refusals].some((kind) => error instanceof kind);
}

/** UTF-8, as files are read; what is no UTF-8 is a refusal before the parser is asked. */
export function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new RefusalError('not UTF-8', {}, { cause });
  }
}

/** Seeds from texts. */
export function textSeeds(texts: Readonly<Record<string, string>>): Readonly<Record<string, Uint8Array>> {
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, new TextEncoder().encode(text)]));
}
