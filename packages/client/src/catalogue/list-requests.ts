/**
 * Finds `tools/list` requests in the JSON of an outgoing message, at the cost of one search for all
 * others.
 *
 * @module
 */
import type { JsonValue } from '@vitrine/documents';
import { isObject } from './canonical.ts';

export interface ListRequest {
  readonly id: JsonValue;
  readonly cursor: string | undefined;
}

const METHOD = 'tools/list';
/** Each character as itself or escaped, since some encoders write `tools\/list`. */
const ESCAPED = new RegExp(
  [...METHOD]
    .map((character) => {
      const code = character.charCodeAt(0).toString(16).padStart(4, '0');
      return `(?:${character === '/' ? '\\\\?/' : character}|\\\\u${code})`;
    })
    .join(''),
  // Hexadecimal digits come in both cases; the method itself is compared below.
  'i',
);

/** The `tools/list` requests in `text`, which is one message or a batch. */
export function listRequestsIn(text: string): readonly ListRequest[] {
  if (!text.includes(METHOD) && !(text.includes('\\') && ESCAPED.test(text))) return [];
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    // Not a message; whoever gets it says so.
    return [];
  }
  return (Array.isArray(value) ? value : [value]).flatMap((message: JsonValue): readonly ListRequest[] => {
    if (!isObject(message) || message['method'] !== METHOD || message['id'] === undefined) return [];
    const params = message['params'];
    const cursor = isObject(params) ? params['cursor'] : undefined;
    return [{ id: message['id'], cursor: typeof cursor === 'string' ? cursor : undefined }];
  });
}
