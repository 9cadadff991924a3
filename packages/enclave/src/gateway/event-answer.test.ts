import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { AnswerStream } from './endpoint.ts';
import { createEventAnswer, type EventAnswer } from './event-answer.ts';

const NOTE = { jsonrpc: '2.0', method: 'notifications/x' } as const;
const LAST = { jsonrpc: '2.0', id: 1, result: {} } as const;
const NOTE_TEXT = `event: message\ndata: ${JSON.stringify(NOTE)}\n\n`;
const LAST_TEXT = `event: message\ndata: ${JSON.stringify(LAST)}\n\n`;

function streamOf({ answer }: EventAnswer): AnswerStream {
  if (typeof answer.body !== 'object') throw new Error('not a stream');
  return answer.body;
}

function piped(events: EventAnswer): readonly string[] {
  const written: string[] = [];
  streamOf(events).pipe({
    write: (text) => written.push(text),
    end: (text) => written.push(`${text}END`),
  });
  return written;
}

promise('P8', 'what was said before anybody reads is written first, once', () => {
  const events = createEventAnswer(60_000);
  events.send(NOTE);
  const written = piped(events);
  events.send(NOTE);
  events.end(LAST);
  expect(written).toEqual([NOTE_TEXT, NOTE_TEXT, `${LAST_TEXT}END`]);
});

promise('P8', 'a stream that ended before anybody reads is one write', () => {
  const events = createEventAnswer(60_000);
  events.send(NOTE);
  events.end(LAST);
  expect(piped(events)).toEqual([`${NOTE_TEXT}${LAST_TEXT}END`]);
});

promise('P8', 'nothing follows the end, and it comes once', () => {
  const events = createEventAnswer(60_000);
  const written = piped(events);
  events.end();
  events.end(LAST);
  events.send(NOTE);
  expect(written).toEqual(['END']);
});

promise('P8', 'nothing is written for a client that has left', () => {
  const events = createEventAnswer(60_000);
  const written = piped(events);
  streamOf(events).cancel();
  events.send(NOTE);
  events.end(LAST);
  expect(written).toEqual([]);
});

promise('P8', 'text that looks like fields of an event stays within its data', () => {
  const events = createEventAnswer(60_000);
  events.end({ jsonrpc: '2.0', id: 1, result: { text: 'a\n\ndata: {}\r\n' } });
  const [text = ''] = piped(events);
  expect(text.split('\n').filter((line) => line !== '')).toHaveLength(3);
});
