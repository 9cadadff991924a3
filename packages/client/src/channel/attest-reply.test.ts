import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { RefusedError } from '../errors.ts';
import { type AttestReply, createReplyReader, MAX_HEAD_BYTES } from './attest-reply.ts';

const good = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}';

function read(text: string): AttestReply | undefined {
  return createReplyReader().push(Buffer.from(text, 'latin1'));
}

describe('the reply to an attest request', () => {
  promise('P2', 'is read to exactly the announced length, however it is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: good.length - 1 }), { maxLength: 6 }), (cuts) => {
        const reader = createReplyReader();
        const places = [0, ...new Set(cuts.sort((a, b) => a - b)), good.length];
        const replies = places.slice(1).map((end, index) => reader.push(Buffer.from(good.slice(places[index], end))));
        expect(replies.slice(0, -1).every((one) => one === undefined)).toBe(true);
        expect(replies.at(-1)).toMatchObject({ status: 200, body: Buffer.from('{}') });
      }),
    );
  });

  const refused: Readonly<Record<string, string>> = {
    'one byte too many': `${good}x`,
    'a second answer': good + good,
    'no Content-Length': 'HTTP/1.1 200 OK\r\n\r\n',
    'two lengths': good.replace('Content-Length: 2', 'Content-Length: 2\r\ncontent-length: 2'),
    'a list of lengths': good.replace('Length: 2', 'Length: 2, 2'),
    'a signed length': good.replace('Length: 2', 'Length: +2'),
    'a length with a leading zero': good.replace('Length: 2', 'Length: 02'),
    'a hexadecimal length': good.replace('Length: 2', 'Length: 0x2'),
    'a length beyond the limit': good.replace('Length: 2', `Length: ${(1 << 20) + 1}`),
    'a long error': good.replace('200 OK', '500 No').replace('Length: 2', 'Length: 20000'),
    'chunked coding': good.replace('Content-Length: 2', 'Transfer-Encoding: chunked'),
    'chunked coding besides a length': good.replace('Content-Length', 'Transfer-Encoding: chunked\r\nContent-Length'),
    'HTTP/1.0': good.replace('1.1', '1.0'),
    'an interim answer': `HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n${good}`,
    'a folded header': good.replace('json\r\n', 'json\r\n folded\r\n'),
    'a blank before the colon': good.replace('Content-Length:', 'Content-Length :'),
    'a control character': good.replace('json', 'js\u0000on'),
    'a lone line feed': good.replace('OK\r\n', 'OK\n'),
    'something else than HTTP': `SSH-2.0-OpenSSH_9.6\r\n\r\n`,
  };
  for (const [name, text] of Object.entries(refused)) {
    promise('P2', `is refused with ${name}`, () => {
      expect(() => read(text)).toThrow(expect.objectContaining({ check: 'channel.reply' }));
    });
  }

  test('refuses headers without end', () => {
    const reader = createReplyReader();
    reader.push(Buffer.from('HTTP/1.1 200 OK\r\n'));
    expect(() => reader.push(Buffer.from(`X: ${'a'.repeat(MAX_HEAD_BYTES)}`))).toThrow(RefusedError);
  });

  test('waits for what is missing and says how far it got', () => {
    const reader = createReplyReader();
    expect(reader.push(Buffer.from(good.slice(0, -1)))).toBeUndefined();
    expect(reader.progress()).toBe('after 1 of 2 bytes of the answer');
  });

  test('any bytes give a reply, a wait or a refusal', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.string().map((text) => Buffer.from(good + text)),
        ),
        (bytes) => {
          try {
            createReplyReader().push(Buffer.from(bytes));
          } catch (error) {
            expect(error).toBeInstanceOf(RefusedError);
          }
        },
      ),
    );
  });
});
