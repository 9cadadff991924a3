/**
 * What waits for clients to read it. Answers are written as they come, since the SDK's streams would hold
 * them without bound anyway; here it is known how much waits, so that a client that reads slowly or not at
 * all costs a bounded amount of memory, and in the end its own stream.
 *
 * @module
 */
import type { Writable } from 'node:stream';
import type { GatewayLimits } from './limits.ts';

export interface Outbox {
  /** Writes to one answer; ends it when too much waits. */
  write(answer: Writable, text: string): void;
  /** Writes its last words likewise, and ends it. */
  end(answer: Writable, text: string): void;
}

/** Progress is seen slice by slice; a reader that takes none within the time allowed is ended. */
const SLICE_BYTES = 256 * 1024;
/** What is shorter is not worth slicing. */
const SMALL_LENGTH = 16 * 1024;

export function createOutbox(limits: GatewayLimits): Outbox {
  /** Answers that have something waiting, with what watches their progress. */
  const waiting = new Map<Writable, NodeJS.Timeout>();

  function watch(answer: Writable): NodeJS.Timeout {
    const before = answer.writableLength;
    const timer = setTimeout(() => {
      if (answer.writableLength >= before) answer.destroy();
      else waiting.set(answer, watch(answer));
    }, limits.readStallMs);
    timer.unref();
    return timer;
  }

  function forget(answer: Writable): void {
    clearTimeout(waiting.get(answer));
    waiting.delete(answer);
  }

  function enforce(answer: Writable): void {
    if (answer.writableLength > limits.answerBytes) answer.destroy();
    let sum = 0;
    let largest = answer;
    for (const one of waiting.keys()) {
      sum += one.writableLength;
      if (one.writableLength > largest.writableLength) largest = one;
    }
    if (sum > limits.answersBytes) largest.destroy();
  }

  function note(answer: Writable): void {
    if (answer.destroyed) return;
    if (!waiting.has(answer)) {
      waiting.set(answer, watch(answer));
      answer.once('drain', () => forget(answer)).once('close', () => forget(answer));
    }
    enforce(answer);
  }

  function write(answer: Writable, text: string): void {
    if (text.length < SMALL_LENGTH) {
      if (!answer.write(text)) note(answer);
      return;
    }
    const bytes = Buffer.from(text);
    let flows = true;
    for (let start = 0; start < bytes.length; start += SLICE_BYTES) {
      flows = answer.write(bytes.subarray(start, start + SLICE_BYTES));
    }
    if (!flows) note(answer);
  }

  return {
    write,
    end(answer, text) {
      if (text.length < SMALL_LENGTH) {
        // Head, words and end together are one write to the socket.
        answer.end(text);
        if (answer.writableLength >= answer.writableHighWaterMark) note(answer);
        return;
      }
      write(answer, text);
      answer.end();
    },
  };
}
