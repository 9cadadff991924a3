import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RefusalError } from '../refusal.ts';
import { parsePemChain, QUOTE_ENDINGS, readPemChain } from './pem.ts';

const DER = Uint8Array.from({ length: 100 }, (_, index) => index);

function pem(bytes: Uint8Array = DER, width = 64): string {
  const base64 = Buffer.from(bytes).toString('base64');
  const lines = base64.match(new RegExp(`.{1,${width}}`, 'g')) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----'].join('\n');
}

describe('chains that are read', () => {
  const cases: readonly [name: string, text: string, count: number][] = [
    ['one', pem(), 1],
    ['one with a newline', `${pem()}\n`, 1],
    ['two', `${pem()}\n${pem()}\n`, 2],
    ['two with an empty line after them', `${pem()}\n${pem()}\n\n`, 2],
    ['lines of 76 characters', pem(DER, 76), 1],
    ['line ends of Windows', `${pem()}\n${pem()}\n`.replaceAll('\n', '\r\n'), 2],
  ];
  for (const [name, text, count] of cases) {
    test(name, () => {
      expect(parsePemChain(text, count, 'chain')).toEqual(Array.from({ length: count }, () => DER));
    });
  }

  test('a NUL only at the end of a chain in a quote', () => {
    expect(parsePemChain(`${pem()}\n\0`, 1, 'chain', QUOTE_ENDINGS)).toEqual([DER]);
    expect(() => parsePemChain(`${pem()}\n\0`, 1, 'chain')).toThrow(RefusalError);
    for (const ending of ['\0', '\n\n', '\n\0\0', '\0\n', '\n\n\0']) {
      expect(() => parsePemChain(`${pem()}${ending}`, 1, 'chain', QUOTE_ENDINGS)).toThrow(RefusalError);
    }
  });

  test('any bytes come back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
        expect(parsePemChain(pem(bytes), 1, 'chain')).toEqual([Uint8Array.from(bytes)]);
      }),
    );
  });
});

describe('chains that are refused', () => {
  const spare = pem(Uint8Array.of(1)).replace('AQ==', 'AR==');
  const cases: readonly [name: string, text: string, count: number][] = [
    ['nothing', '', 1],
    ['one where two are wanted', pem(), 2],
    ['two where one is wanted', `${pem()}\n${pem()}`, 1],
    ['text before', `x\n${pem()}`, 1],
    ['a newline before', `\n${pem()}`, 1],
    ['text between', `${pem()}\nx\n${pem()}`, 2],
    ['an empty line between', `${pem()}\n\n${pem()}`, 2],
    ['text after', `${pem()}\nx`, 1],
    ['three newlines after', `${pem()}\n\n\n`, 1],
    ['a space after', `${pem()} `, 1],
    ['another label', pem().replaceAll('CERTIFICATE', 'X509 CRL'), 1],
    ['no end', pem().replace('-----END CERTIFICATE-----', ''), 1],
    ['an empty certificate', pem(new Uint8Array()), 1],
    ['a blank in the base64', pem().replace('A', ' '), 1],
    ['base64url', pem(Uint8Array.of(0xff, 0xff, 0xff)).replaceAll('/', '_'), 1],
    ['no padding', pem(Uint8Array.of(1)).replace('==', ''), 1],
    ['too much padding', pem(Uint8Array.of(1, 2, 3)).replace('\n-----END', '====\n-----END'), 1],
    ['padding in the middle', pem(Uint8Array.of(1)).replace('AQ==', 'AQ==AQ=='), 1],
    ['spare bits that are set', spare, 1],
    ['a character outside Latin 1', pem().replace('A', 'Ā'), 1],
    ['a moved line break', pem().replace('\n', '\nA\n'), 1],
    ['an empty line in the base64', pem().replace('\n-----END', '\n\n-----END'), 1],
    ['mixed line ends', `${pem()}\r\n`, 1],
    ['a header inside', pem().replace('\n', '\nProc-Type: 4,ENCRYPTED\n\n'), 1],
    ['60 kB', pem(new Uint8Array(45_000)), 1],
  ];
  for (const [name, text, count] of cases) {
    test(name, () => expect(() => parsePemChain(text, count, 'chain')).toThrow(RefusalError));
  }
});

describe('certificates that were read before', () => {
  const read = (text: string, known: Parameters<typeof readPemChain>[4]) =>
    readPemChain(text, 1, 'chain', undefined, known)[0];
  const before = read(pem(), []);
  const known = before === undefined ? [] : [before];

  test('are not decoded again where all of their lines are the same', () => {
    expect(read(pem(), known)?.der).toBe(before?.der);
    expect(read(pem(), [{ der: Uint8Array.of(1) }])?.der).toEqual(DER);
  });

  test('say nothing about other lines', () => {
    for (let index = 0; index < DER.length; index++) {
      const other = DER.with(index, (DER[index] ?? 0) ^ 1);
      expect(read(pem(other), known)?.der).toEqual(other);
    }
    expect(read(pem(DER, 76), known)?.der).not.toBe(before?.der);
    expect(read(pem(DER, 76), known)?.der).toEqual(DER);
  });

  test('make no malformed text good', () => {
    for (const text of [pem().replace('A', ' '), `${pem()} `, pem().replace('\n', ''), pem().slice(0, -1)]) {
      expect(() => read(text, known)).toThrow(RefusalError);
    }
  });
});
