/**
 * Reads the body of an answer whole, up to a limit: whoever answers must not fill the memory.
 *
 * @module
 */
import { UnreachableError } from '../errors.ts';

/** Statuses whose answers have no body. */
const EMPTY: readonly number[] = [101, 204, 205, 304];

/**
 * The same answer with its body in memory.
 *
 * @param host - Whom the error names.
 * @throws UnreachableError with code `network.size` for a body of more than `maxBytes`.
 */
export async function boundedResponse(response: Response, maxBytes: number, host: string): Promise<Response> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > maxBytes) throw new UnreachableError('network.size', `${host} answered more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  const headers = [...response.headers].filter(([name]) => !/^content-(?:encoding|length)$/.test(name));
  const { status } = response;
  return new Response(EMPTY.includes(status) ? null : Buffer.concat(chunks), { status, headers });
}
