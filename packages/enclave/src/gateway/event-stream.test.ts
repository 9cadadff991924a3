import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createEventStream, type StreamEvent } from './event-stream.ts';

function read(
  chunks: readonly Uint8Array[],
  most = 1 << 16,
): { events: StreamEvent[]; overflows: number; retry: number | undefined } {
  const events: StreamEvent[] = [];
  let overflows = 0;
  const stream = createEventStream(
    most,
    (event) => events.push(event),
    () => (overflows += 1),
  );
  for (const chunk of chunks) stream.push(chunk);
  return { events, overflows, retry: stream.retryMs() };
}

const bytes = (text: string): Uint8Array => Buffer.from(text);

test('data of several lines is one event, comments and other fields are none', () => {
  const { events, retry } = read([bytes(': hello\nevent: message\nid: 7\nretry: 250\ndata: a\ndata:b\n\ndata\n\n')]);
  expect(events).toEqual([
    { data: 'a\nb', id: '7' },
    { data: '', id: undefined },
  ]);
  expect(retry).toBe(250);
});

test.each(['\n', '\r', '\r\n'])('lines end with %j, wherever the chunks are cut', (end) => {
  const whole = bytes(`id: 1${end}data: grüße${end}${end}data: x${end}${end}`);
  for (let cut = 0; cut <= whole.length; cut += 1) {
    expect(read([whole.subarray(0, cut), whole.subarray(cut)]).events).toEqual([
      { data: 'grüße', id: '1' },
      { data: 'x', id: undefined },
    ]);
  }
});

test('an event without its blank line is none', () => {
  expect(read([bytes('data: a\n')]).events).toEqual([]);
});

test.each([`data: ${'x'.repeat(200)}`, `${'data: xxxxxxxxx\n'.repeat(30)}\n`])(
  'what is too long is reported once, and ends the reading',
  (text) => {
    const { events, overflows } = read([bytes(text), bytes('\n\ndata: y\n\n')], 100);
    expect({ events, overflows }).toEqual({ events: [], overflows: 1 });
  },
);

test('any bytes are events or nothing', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array()), (chunks) => {
      read(chunks, 64);
    }),
  );
});

test('any data comes back', () => {
  fc.assert(
    fc.property(
      fc.string().filter((text) => !/[\r\n]/.test(text)),
      (text) => {
        expect(read([bytes(`data: ${text}\n\n`)]).events).toEqual([
          { data: Buffer.from(text).toString(), id: undefined },
        ]);
      },
    ),
  );
});
