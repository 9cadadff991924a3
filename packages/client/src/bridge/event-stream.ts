/**
 * Reads what a server answers: `text/event-stream` (WHATWG HTML, server-sent events) as far as MCP
 * uses it, that is data, id and retry, and other bodies as one text. Neither may grow without end.
 *
 * @module
 */

import { ConnectionBrokenError } from '../channel/exchange.ts';
import { MAX_MESSAGE_BYTES } from '../message-size.ts';

export interface ServerEvent {
  readonly data: string;
  /** The last id seen so far, for resuming. */
  readonly lastEventId: string | undefined;
  /** Reconnection delay that the server asks for, in milliseconds. */
  readonly retryMs: number | undefined;
}

/** The body of `response` as text, of at most `limit` bytes. */
export async function readText(response: Response, limit: number = MAX_MESSAGE_BYTES): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > limit) throw tooLarge(limit);
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

/**
 * The events of `body`, including those that carry only an id. Comments, which keep the stream alive,
 * are skipped. An event, and a line, has at most `limit` characters.
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  limit: number = MAX_MESSAGE_BYTES,
): AsyncGenerator<ServerEvent> {
  let lastEventId: string | undefined;
  let retryMs: number | undefined;
  let data: string[] = [];
  let length = 0;
  let name = 'message';
  let touched = false;
  for await (const line of readLines(body, limit)) {
    if (line === '') {
      if (touched) yield { data: name === 'message' ? data.join('\n') : '', lastEventId, retryMs };
      data = [];
      length = 0;
      name = 'message';
      touched = false;
      continue;
    }
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') {
      data.push(value);
      length += value.length + 1;
      if (length > limit) throw tooLarge(limit);
    } else if (field === 'event') name = value === '' ? 'message' : value;
    else if (field === 'id' && !value.includes('\0')) lastEventId = value === '' ? undefined : value;
    else if (field === 'retry' && /^[0-9]{1,9}$/.test(value)) retryMs = Number(value);
    else continue;
    touched = true;
  }
}

/** Lines end with CR LF, LF or CR; what follows the last one is incomplete and dropped. */
async function* readLines(body: ReadableStream<Uint8Array>, limit: number): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let parts: string[] = [];
  let length = 0;
  let skipNewline = false;
  for await (const chunk of body) {
    let text = decoder.decode(chunk, { stream: true });
    if (text === '') continue;
    // Only the one behind a CR: the next one ends a line of its own.
    if (skipNewline && text.startsWith('\n')) text = text.slice(1);
    skipNewline = text.endsWith('\r');
    const lines = text.split(/\r\n|\n|\r/);
    for (const [index, line] of lines.entries()) {
      parts.push(line);
      length += line.length;
      if (length > limit) throw tooLarge(limit);
      if (index === lines.length - 1) break;
      yield parts.join('');
      parts = [];
      length = 0;
    }
  }
}

function tooLarge(limit: number): ConnectionBrokenError {
  return new ConnectionBrokenError('partial', `the answer has a message of more than ${limit} bytes`);
}
