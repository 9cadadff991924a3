import { describe, expect, test } from 'vitest';
import { RefusalError } from '../refusal.ts';
import { type DerElement, readDer, Tag } from './der.ts';
import {
  derBoolean,
  derBytesOfBitString,
  derNamedBits,
  derObjectIdentifier,
  derSmallInteger,
  derText,
  derTime,
  derUnsigned,
} from './values.ts';

const element = (tag: number, ...content: readonly number[]): DerElement =>
  readDer(Uint8Array.from([tag, content.length, ...content]), tag, 'element');
const textElement = (tag: number, text: string): DerElement => element(tag, ...new TextEncoder().encode(text));
const utc = (text: string): Date => derTime(textElement(Tag.utcTime, text), 'time');
const general = (text: string): Date => derTime(textElement(Tag.generalizedTime, text), 'time');

describe('accepted encodings', () => {
  const cases: readonly [name: string, value: unknown, expected: unknown][] = [
    ['TRUE', derBoolean(element(Tag.boolean, 0xff), 'x'), true],
    ['FALSE', derBoolean(element(Tag.boolean, 0x00), 'x'), false],
    ['0', derSmallInteger(element(Tag.integer, 0), 255, 'x'), 0],
    ['128', derSmallInteger(element(Tag.integer, 0, 0x80), 255, 'x'), 128],
    ['an integer without its sign byte', derUnsigned(element(Tag.integer, 0, 0xff, 1), 'x'), Uint8Array.of(0xff, 1)],
    [
      'an OID',
      derObjectIdentifier(element(Tag.objectIdentifier, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2), 'x'),
      '1.2.840.10045.4.3.2',
    ],
    ['an OID below 2', derObjectIdentifier(element(Tag.objectIdentifier, 0x88, 0x37), 'x'), '2.999'],
    ['bits', derNamedBits(element(Tag.bitString, 1, 0x06), 'x'), [5, 6]],
    ['no bits', derNamedBits(element(Tag.bitString, 0), 'x'), []],
    ['bits of two bytes', derNamedBits(element(Tag.bitString, 7, 0, 0x80), 'x'), [8]],
    ['bytes', derBytesOfBitString(element(Tag.bitString, 0, 1, 2), 'x'), Uint8Array.of(1, 2)],
    ['UTF-8', derText(textElement(Tag.utf8String, 'Zürich'), 'x'), 'Zürich'],
    ['printable text', derText(textElement(Tag.printableString, 'US'), 'x'), 'US'],
    ['UTC before 1950', utc('490101000000Z').toISOString(), '2049-01-01T00:00:00.000Z'],
    ['UTC from 1950', utc('500101000000Z').toISOString(), '1950-01-01T00:00:00.000Z'],
    ['a leap day', utc('240229235959Z').toISOString(), '2024-02-29T23:59:59.000Z'],
    ['generalized time', general('99991231235959Z').toISOString(), '9999-12-31T23:59:59.000Z'],
  ];
  for (const [name, value, expected] of cases) test(name, () => expect(value).toEqual(expected));
});

describe('refused encodings', () => {
  const cases: readonly [name: string, read: () => unknown][] = [
    ['TRUE as 01', () => derBoolean(element(Tag.boolean, 1), 'x')],
    ['an empty BOOLEAN', () => derBoolean(element(Tag.boolean), 'x')],
    ['a BOOLEAN of two bytes', () => derBoolean(element(Tag.boolean, 0xff, 0xff), 'x')],
    ['an empty INTEGER', () => derUnsigned(element(Tag.integer), 'x')],
    ['a negative INTEGER', () => derUnsigned(element(Tag.integer, 0x80), 'x')],
    ['an INTEGER with a zero too many', () => derUnsigned(element(Tag.integer, 0, 1), 'x')],
    ['an INTEGER above the maximum', () => derSmallInteger(element(Tag.integer, 1, 0), 255, 'x')],
    ['an INTEGER of five bytes', () => derSmallInteger(element(Tag.integer, 1, 0, 0, 0, 0), 0xffffffff, 'x')],
    ['an empty OID', () => derObjectIdentifier(element(Tag.objectIdentifier), 'x')],
    ['an OID that ends in the middle', () => derObjectIdentifier(element(Tag.objectIdentifier, 0x2a, 0x86), 'x')],
    ['an OID arc with leading zeros', () => derObjectIdentifier(element(Tag.objectIdentifier, 0x2a, 0x80, 0x01), 'x')],
    [
      'an OID arc above 2^53',
      () => derObjectIdentifier(element(Tag.objectIdentifier, 0x2a, ...new Array<number>(9).fill(0xff), 1), 'x'),
    ],
    ['a BIT STRING without its first byte', () => derBytesOfBitString(element(Tag.bitString), 'x')],
    ['a key with unused bits', () => derBytesOfBitString(element(Tag.bitString, 1, 2), 'x')],
    ['named bits without their first byte', () => derNamedBits(element(Tag.bitString), 'x')],
    ['eight unused bits', () => derNamedBits(element(Tag.bitString, 8, 0x80), 'x')],
    ['unused bits that are set', () => derNamedBits(element(Tag.bitString, 4, 0x11), 'x')],
    ['trailing zero bits', () => derNamedBits(element(Tag.bitString, 0, 0x06), 'x')],
    ['a NUL in a name', () => derText(textElement(Tag.utf8String, 'Intel\0'), 'x')],
    ['an escape sequence in a name', () => derText(textElement(Tag.utf8String, '\u001b[2J'), 'x')],
    ['malformed UTF-8', () => derText(element(Tag.utf8String, 0xc3), 'x')],
    ['a character outside PrintableString', () => derText(textElement(Tag.printableString, 'a@b'), 'x')],
    ['an IA5String', () => derText(textElement(0x16, 'a'), 'x')],
    ['a time without seconds', () => utc('2401010000Z')],
    ['a time with an offset', () => utc('240101000000+0000')],
    ['a time without Z', () => general('20240101000000')],
    ['a fraction', () => general('20240101000000.5Z')],
    ['30 February', () => utc('240230000000Z')],
    ['29 February of another year', () => utc('230229000000Z')],
    ['month 13', () => utc('241301000000Z')],
    ['day 0', () => utc('240100000000Z')],
    ['24 hours', () => utc('240101240000Z')],
    ['60 seconds', () => utc('240101000060Z')],
    ['a year below 100', () => general('00240101000000Z')],
    ['UTC time with a century', () => utc('20240101000000Z')],
    ['digits of another script', () => utc('２４0101000000Z')],
  ];
  for (const [name, read] of cases) test(name, () => expect(read).toThrow(RefusalError));
});
