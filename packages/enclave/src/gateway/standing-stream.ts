/**
 * The stream on which a 2025-11-25 client hears what belongs to none of its requests (HTTP GET).
 *
 * Servers begin to speak as soon as the session is initialised, a moment before the client can have opened
 * the stream, so what comes too early waits for it. A client that lost its connection may open
 * the stream again before the loss of the old one has been noticed; the newest one wins.
 *
 * @module
 */
import type { JSONRPCMessage } from '@modelcontextprotocol/server';
import type { Answer, Departure } from './endpoint.ts';
import { createEventAnswer, type EventAnswer } from './event-answer.ts';

export interface StandingStream {
  isOpen(): boolean;
  /** Sends now, or when the stream opens. */
  send(message: JSONRPCMessage): void;
  /** Answers the client's GET request. */
  open(departure: Departure, headers: Readonly<Record<string, string>>): Answer;
  close(): void;
}

// Clients need not open the stream at all, so what waits is bounded; the oldest message goes first.
const MAX_WAITING = 64;

export function createStandingStream(keepAliveMs: number): StandingStream {
  let current: EventAnswer | undefined;
  const waiting: JSONRPCMessage[] = [];

  return {
    isOpen: () => current !== undefined,
    send(message) {
      if (current !== undefined) current.send(message);
      else {
        waiting.push(message);
        if (waiting.length > MAX_WAITING) waiting.shift();
      }
    },
    open(departure, headers) {
      current?.end();
      const stream = createEventAnswer(keepAliveMs, headers);
      current = stream;
      for (const message of waiting.splice(0)) stream.send(message);
      departure.onLeave(() => {
        stream.end();
        if (current === stream) current = undefined;
      });
      return stream.answer;
    },
    close() {
      current?.end();
      current = undefined;
    },
  };
}
