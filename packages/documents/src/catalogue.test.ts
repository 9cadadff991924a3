import fc from 'fast-check';
import { expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { catalogueBytes } from './catalogue.ts';

const A: readonly [string, string] = ['a', '00'];
const B: readonly [string, string] = ['b', '11'];

function text(...tools: readonly (readonly [string, string])[]): string {
  return new TextDecoder().decode(catalogueBytes(tools));
}

promise('P3', 'the digest of a catalogue is over every name with its digest, in one order', () => {
  expect(text(B, A)).toBe('vitrine/catalogue/v1\0[["a","00"],["b","11"]]');
  expect(text()).toBe('vitrine/catalogue/v1\0[]');
});

test('names sort by UTF-16 code units, as members of RFC 8785 do', () => {
  expect(text(['\u{1F600}', '1'], ['\uFB33', '2'])).toBe('vitrine/catalogue/v1\0[["\u{1F600}","1"],["\uFB33","2"]]');
});

promise('P3', 'an added, removed, renamed or changed tool gives other bytes', () => {
  const whole = text(A, B);
  for (const other of [text(A), text(A, B, ['c', '22']), text(['A', '00'], B), text(A, ['b', '10'])]) {
    expect(other).not.toBe(whole);
  }
});

test('two different sets of tools never have the same bytes, whatever they are called', () => {
  const set = fc.uniqueArray(fc.tuple(fc.string(), fc.string()), { selector: ([name]) => name });
  const plain = (tools: readonly (readonly [string, string])[]): string => JSON.stringify([...tools].sort());
  fc.assert(
    fc.property(set, set, (left, right) => {
      expect(text(...left) === text(...right)).toBe(plain(left) === plain(right));
    }),
  );
});
