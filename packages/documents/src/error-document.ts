/**
 * The error document: what an endpoint answers and what `--json` prints on failure.
 *
 * @module
 */
import { type Infer, object, oneOf, type Shape, text } from './shape.ts';

const shape = object({
  type: oneOf('vitrine/error/v1'),
  /** Stable, such as `busy` or `request.malformed`. */
  code: text('an error code'),
  message: text('a message'),
});

export type ErrorDocument = Infer<typeof shape>;
export const errorDocumentShape: Shape<ErrorDocument> = shape;

/** Makes an error document. */
export function errorDocument(code: string, message: string): ErrorDocument {
  return { type: 'vitrine/error/v1', code, message };
}
