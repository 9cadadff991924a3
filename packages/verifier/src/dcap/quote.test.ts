import { MalformedEvidenceError } from '@vitrine/documents';
import { forgePki, forgeQuote } from '@vitrine/simulator/faults';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { parseTdxQuote } from '../tdx/parse.ts';
import { isTdxQuote, tdxPlatform } from '../tdx/verify-tdx.ts';
import { NOW } from '../testing/forged.ts';

const quote = forgeQuote(forgePki({ now: NOW }));
/** Offsets of every length and type field behind the body. */
const LENGTHS = [632, 764, 766, 1218, 1252, 1254];

function valueOrMalformed(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedEvidenceError);
  }
}

function withUint32(offset: number, value: number): Uint8Array<ArrayBuffer> {
  const changed = Uint8Array.from(quote);
  new DataView(changed.buffer).setUint32(offset, value, true);
  return changed;
}

describe('the envelope of a quote', () => {
  test('registers and report data are read from their places', () => {
    const reportData = Uint8Array.from({ length: 64 }, (_, index) => index);
    const { report } = parseTdxQuote(forgeQuote(forgePki({ now: NOW }), { reportData }));
    expect(report.reportData).toBe(Buffer.from(reportData).toString('hex'));
    expect(Object.keys(report.registers)).toEqual([
      'teetcbsvn',
      'mrseam',
      'mrsignerseam',
      'seamattributes',
      'tdattributes',
      'xfam',
      'mrtd',
      'mrconfigid',
      'mrowner',
      'mrownerconfig',
      'rtmr0',
      'rtmr1',
      'rtmr2',
      'rtmr3',
    ]);
  });

  promise('P7', 'any bytes are a quote or malformed evidence', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
        valueOrMalformed(() => parseTdxQuote(Uint8Array.from(bytes)));
        valueOrMalformed(() => tdxPlatform(Uint8Array.from(bytes)));
      }),
    );
  });

  promise('P7', 'a quote with any damage is a quote or malformed evidence', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(quote.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        fc.nat(quote.length),
        fc.uint8Array({ maxLength: 64 }),
        (changes, end, tail) => {
          const bytes = Uint8Array.from(quote);
          for (const [offset, value] of changes) bytes[offset] = value;
          valueOrMalformed(() => parseTdxQuote(bytes));
          valueOrMalformed(() => tdxPlatform(bytes));
          valueOrMalformed(() => parseTdxQuote(Uint8Array.of(...bytes.subarray(0, end), ...tail)));
        },
      ),
      { numRuns: 500 },
    );
  });

  for (const offset of LENGTHS) {
    promise('P7', `no other value in the field at ${offset} is accepted`, () => {
      const good = new DataView(quote.buffer).getUint32(offset, true);
      for (const value of [0, 1, good - 1, good + 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
        if (value === good) continue;
        expect(() => parseTdxQuote(withUint32(offset, value))).toThrow(MalformedEvidenceError);
      }
    });
  }

  test('a declared end inside the padding is not the end', () => {
    const padded = Uint8Array.of(...withUint32(632, new DataView(quote.buffer).getUint32(632, true) + 1), 0, 0);
    expect(() => parseTdxQuote(padded)).toThrow(/bytes after/);
  });

  test('a quote is read wherever it lies in a larger buffer', () => {
    const larger = new Uint8Array(quote.length + 10);
    larger.set(quote, 5);
    expect(parseTdxQuote(larger.subarray(5, 5 + quote.length)).report).toEqual(parseTdxQuote(quote).report);
  });
});

describe('detection', () => {
  const header = (version: number, tee: number, keyType = 2): Uint8Array => {
    const bytes = new Uint8Array(48);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, version, true);
    view.setUint16(2, keyType, true);
    view.setUint32(4, tee, true);
    return bytes;
  };
  const cases: readonly [name: string, bytes: Uint8Array, expected: boolean][] = [
    ['a quote', quote, true],
    ['version 5', header(5, 0x81), true],
    ['a key type that is then refused by name', header(4, 0x81, 3), true],
    ['no key type, as in other reports that begin with a version', header(4, 0x81, 0), false],
    ['version 3', header(3, 0x81), false],
    ['SGX', header(4, 0), false],
    ['a header that is cut', header(4, 0x81).subarray(0, 47), false],
    ['nothing', new Uint8Array(), false],
    ['JSON', new TextEncoder().encode('{"type":"vitrine/evidence-bundle/v1","hardware":["application/x"]}'), false],
  ];
  for (const [name, bytes, expected] of cases)
    test(`${name}: ${expected}`, () => expect(isTdxQuote(bytes)).toBe(expected));
});
