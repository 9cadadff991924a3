import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RefusalError } from '../refusal.ts';
import { type DerElement, finish, openDer, readDer, Tag, take, takeIf } from './der.ts';

const bytes = (...values: readonly number[]): Uint8Array<ArrayBuffer> => Uint8Array.from(values);
const read =
  (...values: readonly number[]): (() => unknown) =>
  () =>
    readDer(bytes(...values), Tag.sequence, 'value');

/** A constructed element of which `bytes` are the content alone. */
const contentIs = (bytes: Uint8Array<ArrayBuffer>): DerElement => ({
  tag: Tag.sequence,
  bytes,
  start: 0,
  contentStart: 0,
  end: bytes.length,
  der: bytes,
  content: bytes,
});

/** Opens everything that claims to be constructed, as far down as a caller could. */
function walk(input: Uint8Array<ArrayBuffer>, depth = 0): void {
  for (const element of openDer(contentIs(input), 'value').elements) {
    if (depth < 10 && (element.tag & 0x20) !== 0) walk(element.content, depth + 1);
  }
}

describe('elements', () => {
  test('exactly one element is read', () => {
    expect(readDer(bytes(0x30, 0x03, 0x02, 0x01, 0x05), Tag.sequence, 'value').content).toEqual(
      bytes(0x02, 0x01, 0x05),
    );
  });

  test('a long form is read where it is needed', () => {
    const long = bytes(0x30, 0x81, 0x80, ...new Uint8Array(0x80));
    expect(readDer(long, Tag.sequence, 'value').content).toHaveLength(0x80);
  });

  const refused: readonly [name: string, input: () => unknown, reason: RegExp][] = [
    ['nothing', read(), /ends early/],
    ['a tag alone', read(0x30), /ends early/],
    ['a length beyond the end', read(0x30, 0x02, 0x00), /ends early/],
    ['4 GB declared', read(0x30, 0x84, 0xff, 0xff, 0xff, 0xff), /ends early/],
    ['a byte after the end', read(0x30, 0x00, 0x00), /bytes after the end/],
    ['an indefinite length', read(0x30, 0x80, 0x00, 0x00), /indefinite/],
    ['five length bytes', read(0x30, 0x85, 0x00, 0x00, 0x00, 0x00, 0x00), /more than four/],
    ['a long form for a short length', read(0x30, 0x81, 0x01, 0x00), /not minimal/],
    ['a length with a leading zero', read(0x30, 0x82, 0x00, 0x80, ...new Uint8Array(0x80)), /not minimal/],
    ['a tag number of two bytes', read(0x3f, 0x81, 0x01, 0x00), /more than one byte/],
    ['another tag', read(0x31, 0x00), /wrong DER type/],
    [
      'a child that ends early',
      () => openDer(readDer(bytes(0x30, 0x02, 0x02, 0x05), Tag.sequence, 'value'), 'value'),
      /ends early/,
    ],
  ];
  for (const [name, input, reason] of refused) {
    test(`${name} is refused`, () => {
      expect(input).toThrow(RefusalError);
      expect(input).toThrow(reason);
    });
  }

  test('any bytes give elements that fill them exactly, or a refusal', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (input) => {
        try {
          walk(Uint8Array.from(input));
        } catch (error) {
          expect(error).toBeInstanceOf(RefusalError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('a bomb of a hundred thousand nested elements costs nothing until it is opened', () => {
    const length = 100_000;
    const bomb = new Uint8Array(length * 2);
    for (let index = 0; index < length; index++) bomb.set([0x30, 0x80], index * 2);
    expect(() => readDer(bomb, Tag.sequence, 'value')).toThrow(RefusalError);
  });
});

describe('cursors', () => {
  const cursor = () =>
    openDer(readDer(bytes(0x30, 0x05, 0x02, 0x01, 0x05, 0x05, 0x00), Tag.sequence, 'value'), 'value');

  test('elements are taken in order, optional ones only where they stand', () => {
    const elements = cursor();
    expect(takeIf(elements, Tag.boolean)).toBeUndefined();
    expect(take(elements, Tag.integer, 'number').content).toEqual(bytes(5));
    expect(takeIf(elements, 0x05)?.content).toHaveLength(0);
    expect(() => finish(elements)).not.toThrow();
    expect(() => take(elements, Tag.integer, 'number')).toThrow('number: missing');
  });

  test('what is left over is refused', () => {
    const elements = cursor();
    take(elements, Tag.integer, 'number');
    expect(() => finish(elements)).toThrow(/more elements/);
  });
});
