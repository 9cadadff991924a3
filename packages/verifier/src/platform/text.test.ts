import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as node from './crypto-node.ts';
import * as web from './crypto-web.ts';

describe.each([
  ['Node.js', node],
  ['everything else', web],
] as const)('text and bytes under %s', (_, { bytesOfBase64, bytesOfHex, hexOf, sha384OfText }) => {
  test('any bytes come back, in a buffer of their own', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (some) => {
        const bytes = Uint8Array.from(some);
        const read = [bytesOfHex(hexOf(bytes)), bytesOfBase64(Buffer.from(bytes).toString('base64'))];
        expect(hexOf(bytes)).toBe(Buffer.from(bytes).toString('hex'));
        expect(read).toEqual([bytes, bytes]);
        for (const one of read) expect(one?.buffer.byteLength).toBe(bytes.length);
      }),
    );
  });

  test('part of a buffer is written as that part', () => {
    expect(hexOf(Uint8Array.of(1, 2, 0xfe, 4).subarray(1, 3))).toBe('02fe');
  });

  for (const text of [
    '0',
    'AB',
    'aB',
    '0g',
    'g0',
    '0 ',
    ' 00',
    '0x00',
    '00\n',
    '00\n0',
    'İ0',
    '00zz',
    'zz00',
    '\u0130\u0130',
  ]) {
    test(`${JSON.stringify(text)} is no hexadecimal`, () => expect(bytesOfHex(text)).toBeUndefined());
  }

  const noBase64 = [
    ...['A', 'AA', 'AAA', 'AA=', 'A===', '====', '=', 'AB==', 'AAB=', 'AA==AAAA', 'AAAA====', 'AAA=AAA='],
    ...['AA-_', 'A A=', 'AAA\n', 'AAAA\n', '\nAAA', 'AA.=', 'Ā===', 'AAAĀ', 'AAA\u0141', 'A\0==', 'AA= '],
  ];
  for (const text of noBase64) {
    test(`${JSON.stringify(text)} is no base64`, () => expect(bytesOfBase64(text)).toBeUndefined());
  }

  test('nothing is no bytes', () => {
    expect(bytesOfHex('')).toEqual(new Uint8Array());
    expect(bytesOfBase64('')).toEqual(new Uint8Array());
  });

  test('a text is digested as UTF-8', async () => {
    for (const text of ['', 'abc', 'ü \u2028 \u{1f600}', '\ud800']) {
      expect(await sha384OfText(text)).toBe(hexOf(await web.sha384(new TextEncoder().encode(text))));
    }
  });
});
