import { describe, expect, test } from 'vitest';
import { type DerElement, openDer, readDer, Tag } from './der.ts';
import { keep, recall, type Seen } from './seen.ts';

function elementOf(...content: readonly number[]): DerElement {
  const length = content.length < 128 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return readDer(Uint8Array.from([Tag.sequence, ...length, ...content]), Tag.sequence, 'value');
}

describe('what was read before', () => {
  test('is found again for the same bytes, wherever they stand', () => {
    const seen: Seen<string> = new Map();
    expect(keep(seen, elementOf(1, 2, 3), 'one')).toBe('one');
    expect(recall(seen, elementOf(1, 2, 3))).toBe('one');
    const inside = openDer(elementOf(Tag.sequence, 3, 1, 2, 3), 'outer').elements[0];
    expect(inside === undefined ? inside : recall(seen, inside)).toBe('one');
  });

  test('is not found for other bytes, even under the same number', () => {
    const seen: Seen<string> = new Map();
    keep(seen, elementOf(1, 2, 3), 'one');
    // 1 · 31 + 31 and 2 · 31 + 0 are the same number.
    keep(seen, elementOf(1, 31), 'two');
    for (const other of [[], [1, 2], [1, 2, 4], [1, 2, 3, 0], [2, 0], [0, 1, 2, 3]]) {
      expect(recall(seen, elementOf(...other))).toBeUndefined();
    }
    keep(seen, elementOf(2, 0), 'three');
    expect(recall(seen, elementOf(2, 0))).toBe('three');
    expect(recall(seen, elementOf(1, 31))).toBeUndefined();
  });

  test('does not follow bytes that change afterwards', () => {
    const seen: Seen<string> = new Map();
    const element = elementOf(1, 2, 3);
    keep(seen, element, 'one');
    element.bytes[4] = 9;
    expect(recall(seen, element)).toBeUndefined();
    expect(recall(seen, elementOf(1, 2, 3))).toBe('one');
  });

  test('is bounded in number and in size', () => {
    const seen: Seen<number> = new Map();
    for (let index = 0; index < 1000; index++) keep(seen, elementOf(index >> 8, index & 0xff), index);
    expect(seen.size).toBe(128);
    expect(recall(seen, elementOf(3, 231))).toBe(999);
    expect(recall(seen, elementOf(0, 0))).toBeUndefined();
    const long = elementOf(...new Array<number>(257).fill(7));
    expect(keep(seen, long, 7)).toBe(7);
    expect(recall(seen, long)).toBeUndefined();
  });
});
