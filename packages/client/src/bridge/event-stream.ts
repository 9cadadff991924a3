/**
 * Reads `text/event-stream` (WHATWG HTML, server-sent events) as far as MCP uses it: data, id, retry.
 *
 * @module
 */

export interface ServerEvent {
  readonly data: string;
  /** The last id seen so far, for resuming. */
  readonly lastEventId: string | undefined;
  /** Reconnection delay that the server asks for, in milliseconds. */
  readonly retryMs: number | undefined;
}

/** The events of `body`, including those that carry only an id. Comments, which keep the stream alive, are skipped. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  let lastEventId: string | undefined;
  let retryMs: number | undefined;
  let data: string[] = [];
  let name = 'message';
  let touched = false;
  for await (const line of readLines(body)) {
    if (line === '') {
      if (touched) yield { data: name === 'message' ? data.join('\n') : '', lastEventId, retryMs };
      data = [];
      name = 'message';
      touched = false;
      continue;
    }
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') data.push(value);
    else if (field === 'event') name = value === '' ? 'message' : value;
    else if (field === 'id' && !value.includes('\0')) lastEventId = value === '' ? undefined : value;
    else if (field === 'retry' && /^[0-9]{1,9}$/.test(value)) retryMs = Number(value);
    else continue;
    touched = true;
  }
}

/** Lines end with CR LF, LF or CR; what follows the last one is incomplete and dropped. */
async function* readLines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let parts: string[] = [];
  let skipNewline = false;
  for await (const chunk of body) {
    let text = decoder.decode(chunk, { stream: true });
    if (skipNewline && text.startsWith('\n')) text = text.slice(1);
    if (text === '') continue;
    skipNewline = text.endsWith('\r');
    const lines = text.split(/\r\n|\n|\r/);
    for (const [index, line] of lines.entries()) {
      parts.push(line);
      if (index === lines.length - 1) break;
      yield parts.join('');
      parts = [];
    }
  }
}
