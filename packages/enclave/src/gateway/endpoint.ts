/**
 * One HTTP request to the MCP endpoint and its answer, as the parts of the gateway see them: whole answers
 * are text, so that head and body leave in one write, and only what goes on is a stream.
 *
 * Web-standard requests, responses and streams say the same, but making and reading them costs more than
 * all else that the gateway does for a call.
 *
 * @module
 */

/** Header names are in lower case; `null` for what is absent. */
export type HeaderSource = Pick<Headers, 'get'>;

/** Whether the client still waits for its answer. */
export interface Departure {
  hasLeft(): boolean;
  /** Calls `listener` when the client leaves, or at once where it already has; the returned function forgets it. */
  onLeave(listener: () => void): () => void;
}

/** A request without its body. */
export interface EndpointRequest {
  readonly method: string;
  readonly headers: HeaderSource;
  readonly departure: Departure;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Absent: an answer without a body. */
  readonly body?: string | AnswerStream;
}

/** Where a stream is written. */
export interface Sink {
  write(text: string): void;
  end(text: string): void;
}

/** An answer that goes on. Exactly one of the two is called, once. */
export interface AnswerStream {
  /** What was said before is written at once. */
  pipe(sink: Sink): void;
  /** Nobody will read it. */
  cancel(): void;
}

/** @returns a departure, and how to say that the client has left; idempotent. */
export function createDeparture(): { readonly departure: Departure; readonly leave: () => void } {
  let hasLeft = false;
  const listeners = new Set<() => void>();
  return {
    departure: {
      hasLeft: () => hasLeft,
      onLeave(listener) {
        if (hasLeft) listener();
        else listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    leave() {
      if (hasLeft) return;
      hasLeft = true;
      for (const listener of listeners) listener();
      listeners.clear();
    },
  };
}
