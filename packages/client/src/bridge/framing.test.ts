import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { readEvents, readText } from './event-stream.ts';
import { readLines } from './line-reader.ts';
import { headerValue } from './request-headers.ts';

/** `bytes` in pieces that end at `cuts`. */
function pieces(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}

async function events(text: string, cuts: readonly number[] = []): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { data } of readEvents(ReadableStream.from(pieces(new TextEncoder().encode(text), cuts))))
    found.push(data);
  return found;
}

async function lines(
  text: string,
  cuts: readonly number[] = [],
  limit?: number,
): Promise<readonly (string | undefined)[]> {
  const chunks = pieces(new TextEncoder().encode(text), cuts).map((piece) => Buffer.from(piece));
  const found: (string | undefined)[] = [];
  async function* input(): AsyncGenerator<Buffer> {
    yield* chunks;
  }
  for await (const line of readLines(input(), limit)) found.push(line);
  return found;
}

describe('whole answers', () => {
  promise('P8', 'without an end are given up', async () => {
    const chunk = new TextEncoder().encode('é'.repeat(50));
    const endless = new Response(
      ReadableStream.from(new Array(100).fill(chunk)) as ReadableStream<Uint8Array<ArrayBuffer>>,
    );
    await expect(readText(endless, 1_000)).rejects.toMatchObject({ code: 'channel.broken', progress: 'partial' });
    expect(await readText(new Response('\ufeffé'), 1_000)).toBe('é');
    expect(await readText(new Response(null), 1_000)).toBe('');
  });
});

const cuts = fc.array(fc.nat(), { maxLength: 8 });

describe('event streams', () => {
  promise('P8', 'give the same messages however they are cut and whatever ends their lines', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.json()),
        fc.constantFrom('\n', '\r\n', '\r'),
        cuts,
        async (messages, end, places) => {
          const text = messages
            .map((message) => `: ping${end}event: message${end}data: ${message}${end}${end}`)
            .join('');
          expect(await events(text, places)).toEqual(messages);
        },
      ),
    ),
  );

  promise('P3', 'end an event at its blank line, also where line ends of two kinds are cut apart', async () => {
    // What was looked at as two events must not be read as one.
    expect(await events('data: a\r\n\ndata: b\n\n', [8, 9, 10])).toEqual(['a', 'b']);
  });

  promise('P8', 'with an event that has no end are given up', async () => {
    const endless = async (text: string): Promise<void> => {
      const chunk = new TextEncoder().encode(text);
      for await (const _ of readEvents(ReadableStream.from(new Array(100).fill(chunk)), 1_000));
    };
    await expect(endless('x'.repeat(100))).rejects.toMatchObject({ code: 'channel.broken', progress: 'partial' });
    await expect(endless(`data: ${'x'.repeat(100)}\n`)).rejects.toMatchObject({ progress: 'partial' });
    await expect(endless(`data: ${'x'.repeat(100)}\n\n`)).resolves.toBeUndefined();
  });

  test('join data lines, skip other events and what is incomplete', async () => {
    expect(await events('data: a\ndata: b\n\nevent: ping\ndata: x\n\ndata:c\n\ndata: lost')).toEqual(['a\nb', '', 'c']);
  });

  test('keep the last id and the delay', async () => {
    const found: unknown[] = [];
    for await (const event of readEvents(
      ReadableStream.from([new TextEncoder().encode('id: 7\nretry: 20\ndata:\n\ndata: x\n\n')]),
    )) {
      found.push(event);
    }
    expect(found).toEqual([
      { data: '', lastEventId: '7', retryMs: 20 },
      { data: 'x', lastEventId: '7', retryMs: 20 },
    ]);
  });
});

describe('lines', () => {
  promise('P8', 'give the same messages however they are cut', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.json()), cuts, async (messages, places) => {
        expect(await lines(messages.map((message) => `${message}\r\n`).join(''), places)).toEqual(messages);
      }),
    ),
  );

  test('that are too long are reported once and skipped', async () => {
    expect(await lines(`${'x'.repeat(20)}\nok\n${'y'.repeat(11)}`, [5, 15], 10)).toEqual([undefined, 'ok', undefined]);
  });
});

describe('header values', () => {
  promise('P8', 'are plain or marked base64, and can always be told apart', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'grapheme' })), (text) => {
        const value = headerValue(text);
        const marked = /^=\?base64\?([A-Za-z0-9+/=]*)\?=$/.exec(value)?.[1];
        expect(value).toMatch(/^[\x20-\x7e]*$/);
        expect(value).toBe(value.trim());
        expect(marked === undefined ? value : Buffer.from(marked, 'base64').toString('utf8')).toBe(text.toWellFormed());
      }),
    );
    expect(headerValue('=?base64?QQ==?=')).toBe('=?base64?PT9iYXNlNjQ/UVE9PT89?=');
    expect(headerValue('a b')).toBe('a b');
    expect(headerValue('')).toBe('=?base64??=');
  });
});
