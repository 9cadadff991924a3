/**
 * What `vitrine run` tells the program of its key service, as one argument of JSON.
 *
 * @module
 */
import { type Infer, mapOf, object, oneOf, optional, parseDocument, type Shape, text } from '@vitrine/documents';
import { platformChoiceShape } from './choice.ts';

const shape = object({
  platform: platformChoiceShape,
  /** Where the simulator keeps its root and keys. */
  simulator: text('a directory'),
  /** Where this server's root and store are. */
  directory: text('a directory'),
  /** Whether a source may make its secret where there is none: for a root that it has not wrapped before. */
  newSecrets: oneOf(true, false),
  /** Which Unix socket leads to which URL: there is no other way out. */
  waysOut: mapOf(/^https?:/, text('a path')),
  /** The TPM, where one is used for anything. */
  tpm: optional(text('a path')),
});

export type KeydArguments = Infer<typeof shape>;
const argumentsShape: Shape<KeydArguments> = shape;

export function writeKeydArguments(given: KeydArguments): readonly string[] {
  return [JSON.stringify(given)];
}

/** @throws UsageError for a program that was not started by `vitrine run`. */
export function readKeydArguments([only = '']: readonly string[]): KeydArguments {
  return parseDocument(only, argumentsShape, 'the arguments of the key service');
}
