/**
 * The lines of a byte stream: one JSON-RPC message each (MCP stdio transport).
 *
 * @module
 */

/** Longer lines are reported instead of kept. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;

/** Lines of `input` without their ends; `undefined` stands for a line longer than `limit`, which is skipped. */
export async function* readLines(
  input: AsyncIterable<Buffer | string>,
  limit: number = MAX_LINE_BYTES,
): AsyncGenerator<string | undefined> {
  let parts: Buffer[] = [];
  let length = 0;
  const take = (): string | undefined => {
    const line = length > limit ? undefined : Buffer.concat(parts).toString('utf8').replace(/\r$/, '');
    parts = [];
    length = 0;
    return line;
  };
  const add = (part: Buffer): void => {
    length += part.length;
    if (length <= limit) parts.push(part);
    else parts = [];
  };
  for await (const chunk of input) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, 'utf8') : chunk;
    let start = 0;
    for (let end = bytes.indexOf(0x0a); end !== -1; end = bytes.indexOf(0x0a, start)) {
      add(bytes.subarray(start, end));
      yield take();
      start = end + 1;
    }
    add(bytes.subarray(start));
  }
  if (length > 0) yield take();
}
