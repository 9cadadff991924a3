import { fromHex, toHex } from '@vitrine/documents';
import fc from 'fast-check';
import { fromRlp, type Hex, toRlp } from 'viem';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { decodeRlp, encodeRlp, type RlpItem, readInteger, rlpInteger } from './rlp.ts';
import { refusalOf } from './testing/refusals.ts';

const bytes = (hex: string): Uint8Array => fromHex(hex) ?? new Uint8Array();
const refused = (hex: string): string => refusalOf(() => decodeRlp(bytes(hex)));

type Nested = Hex | Nested[];
const shown = (item: RlpItem): Nested => (item instanceof Uint8Array ? `0x${toHex(item)}` : item.map(shown));
const { item } = fc.letrec<{ item: RlpItem; leaf: Uint8Array; list: RlpItem[] }>((tie) => ({
  item: fc.oneof({ maxDepth: 3 }, tie('leaf'), tie('list')),
  leaf: fc.uint8Array({ maxLength: 300 }),
  list: fc.array(tie('item'), { maxLength: 6 }),
}));

promise('P4', 'RLP: each way to write a value but one is refused', () => {
  const cases: readonly (readonly [why: string, hex: string])[] = [
    ['nothing', ''],
    ['a small byte with a length', '8105'],
    ['a short string in the long form', 'b80161'],
    ['a short list in the long form', 'f80161'],
    ['a length with a leading zero', `b90038${'61'.repeat(56)}`],
    ['a length of 55 in the long form', `b837${'61'.repeat(55)}`],
    ['a string beyond its end', '8361'],
    ['a list beyond its end', 'c261'],
    ['a length beyond its end', 'b9'],
    ['a length of eight bytes', 'bfffffffffffffffff'],
    ['an item beyond the end of its list', 'c28261'],
    ['bytes after a string', '6161'],
    ['bytes after a list', 'c000'],
    ['lists too deep', 'c5c4c3c2c1c0'],
  ];
  for (const [why, hex] of cases) expect(refused(hex), why).toBe('evm.rlp');
});

promise('P4', 'RLP: what is read and written again gives the same bytes, and viem agrees', () => {
  fc.assert(
    fc.property(item, (value) => {
      const encoded = encodeRlp(value);
      expect(toHex(encoded)).toBe(toRlp(shown(value) as Hex).slice(2));
      expect(shown(decodeRlp(encoded))).toEqual(shown(value));
      expect(fromRlp(`0x${toHex(encoded)}`, 'hex')).toEqual(shown(value));
    }),
  );
});

promise('P4', 'RLP: any bytes give a value that is written as the same bytes, or a refusal', () => {
  const likely = fc.array(
    fc.oneof(fc.constantFrom(0x00, 0x7f, 0x80, 0x81, 0xb7, 0xb8, 0xc0, 0xc1, 0xc8, 0xf7, 0xf8), fc.nat(255)),
  );
  fc.assert(
    fc.property(likely, (values) => {
      const input = Uint8Array.from(values);
      if (refusalOf(() => decodeRlp(input)) === 'accepted')
        expect(toHex(encodeRlp(decodeRlp(input)))).toBe(toHex(input));
    }),
    { numRuns: 2000 },
  );
});

promise('P4', 'RLP: numbers have no leading zeros and stay within their range', () => {
  expect(readInteger(bytes('ff'), 'n', 8)).toBe(255n);
  expect(readInteger(new Uint8Array(), 'n', 8)).toBe(0n);
  expect(refusalOf(() => readInteger(bytes('00'), 'n', 256))).toBe('evm.rlp');
  expect(refusalOf(() => readInteger(bytes('0001'), 'n', 256))).toBe('evm.rlp');
  expect(refusalOf(() => readInteger([], 'n', 256))).toBe('evm.rlp');
  expect(refusalOf(() => readInteger(undefined, 'n', 256))).toBe('evm.rlp');
  expect(refusalOf(() => readInteger(bytes('0100'), 'n', 8))).toBe('evm.range');
  expect(refusalOf(() => readInteger(bytes('01'.repeat(33)), 'n', 256))).toBe('evm.range');
  expect(() => rlpInteger(-1n)).toThrow(RangeError);
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }), (n) => {
      expect(readInteger(rlpInteger(n), 'n', 256)).toBe(n);
    }),
  );
});
