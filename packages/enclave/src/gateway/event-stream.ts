/**
 * Reads `text/event-stream`, as a client of Streamable HTTP needs it: data, the id to resume from, and how
 * long to wait before that.
 *
 * Specification: WHATWG HTML, "Server-sent events", section 9.2.6; MCP 2025-11-25, "Resumability".
 *
 * @module
 */
import { StringDecoder } from 'node:string_decoder';

export interface StreamEvent {
  readonly data: string;
  /** `undefined`: the event names none, or the empty one. */
  readonly id: string | undefined;
}

export interface EventStream {
  push(chunk: Uint8Array): void;
  /** What the stream asked for, in milliseconds. */
  retryMs(): number | undefined;
}

/**
 * @param maxBytes - Of the data of one event, and of one line.
 * @param onEvent - Gets each event, also one without data when it has an id.
 * @param onOverflow - Called once; nothing is read afterwards.
 */
export function createEventStream(
  maxBytes: number,
  onEvent: (event: StreamEvent) => void,
  onOverflow: () => void,
): EventStream {
  const decoder = new StringDecoder('utf8');
  /** Pieces of the line that has no end yet: joined once, so that a long line costs no more than its length. */
  let pieces: string[] = [];
  let pending = 0;
  let data: string[] = [];
  let dataLength = 0;
  let id: string | undefined;
  let retry: number | undefined;
  let isStart = true;
  let skipLineFeed = false;
  let isOver = false;

  function overflow(): void {
    isOver = true;
    pieces = [];
    data = [];
    onOverflow();
  }

  function dispatch(): void {
    if (data.length > 0 || id !== undefined) onEvent({ data: data.join('\n'), id: id === '' ? undefined : id });
    data = [];
    dataLength = 0;
    id = undefined;
  }

  function field(line: string): void {
    if (line === '') {
      dispatch();
      return;
    }
    const colon = line.indexOf(':');
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') {
      dataLength += value.length + 1;
      if (dataLength > maxBytes) overflow();
      else data.push(value);
    } else if (name === 'id' && !value.includes('\0')) id = value;
    else if (name === 'retry' && /^[0-9]{1,9}$/.test(value)) retry = Number(value);
  }

  function feed(text: string): void {
    let rest = text;
    while (rest !== '' && !isOver) {
      if (skipLineFeed) {
        skipLineFeed = false;
        if (rest.startsWith('\n')) {
          rest = rest.slice(1);
          continue;
        }
      }
      const end = rest.search(/[\r\n]/);
      const piece = end === -1 ? rest : rest.slice(0, end);
      pending += piece.length;
      if (pending > maxBytes) {
        overflow();
        return;
      }
      pieces.push(piece);
      if (end === -1) return;
      skipLineFeed = rest[end] === '\r';
      rest = rest.slice(end + 1);
      const line = pieces.join('');
      pieces = [];
      pending = 0;
      field(line);
    }
  }

  return {
    push(chunk) {
      if (isOver || chunk.length === 0) return;
      const text = decoder.write(Buffer.from(chunk));
      feed(isStart ? text.replace(/^\uFEFF/, '') : text);
      isStart = false;
    },
    retryMs: () => retry,
  };
}
