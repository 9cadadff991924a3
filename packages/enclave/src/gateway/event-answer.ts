/**
 * An answer as a stream of events, one for each JSON-RPC message, kept alive by comments.
 *
 * Specification: WHATWG HTML, "Server-sent events"; MCP, Streamable HTTP.
 *
 * @module
 */
import type { JSONRPCMessage } from '@modelcontextprotocol/server';
import type { Answer, Sink } from './endpoint.ts';

export interface EventAnswer {
  readonly answer: Answer;
  send(message: JSONRPCMessage): void;
  /** Ends the stream, after `last` if given. Idempotent. */
  end(last?: JSONRPCMessage): void;
}

const HEADERS: Readonly<Record<string, string>> = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-cache, no-transform',
  Connection: 'keep-alive',
  'X-Accel-Buffering': 'no',
};

/** @param headers - Beside those of every event stream. */
export function createEventAnswer(keepAliveMs: number, headers: Readonly<Record<string, string>> = {}): EventAnswer {
  let sink: Sink | undefined;
  let early = '';
  let isOver = false;
  let alive: NodeJS.Timeout | undefined;

  function stop(): void {
    isOver = true;
    clearInterval(alive);
  }

  const body = {
    pipe(to: Sink): void {
      if (isOver) {
        to.end(early);
        return;
      }
      sink = to;
      if (early !== '') to.write(early);
      early = '';
      alive = setInterval(() => to.write(': keepalive\n\n'), keepAliveMs);
      alive.unref();
    },
    cancel: stop,
  };

  return {
    answer: { status: 200, headers: { ...HEADERS, ...headers }, body },
    send(message) {
      if (isOver) return;
      if (sink === undefined) early += eventOf(message);
      else sink.write(eventOf(message));
    },
    end(last) {
      if (isOver) return;
      stop();
      const text = last === undefined ? '' : eventOf(last);
      if (sink === undefined) early += text;
      else sink.end(text);
    },
  };
}

function eventOf(message: JSONRPCMessage): string {
  return `event: message\ndata: ${JSON.stringify(message)}\n\n`;
}
