/**
 * Intel's texts are read as the strict reader reads them, whichever of the two ways is taken.
 *
 * @module
 */
import { type JsonValue, parseStrictJson } from '@vitrine/documents';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { RefusalError } from '../refusal.ts';
import { parseFields } from './fields.ts';

const REFUSED = 'refused';

function read(text: string): JsonValue | typeof REFUSED {
  try {
    return parseFields(text, 'text').value;
  } catch (error) {
    expect(error).toBeInstanceOf(RefusalError);
    return REFUSED;
  }
}

function readStrictly(text: string): JsonValue | typeof REFUSED {
  try {
    return parseStrictJson(text);
  } catch {
    return REFUSED;
  }
}

describe('texts that readers could understand differently', () => {
  const cases: readonly [name: string, text: string][] = [
    ['a key twice', '{"a":1,"a":1}'],
    ['a key twice in an object within', '{"b":[{"a":1,"c":2,"a":3}]}'],
    ['a key twice, with a blank before a colon', '{"a" :1,"a":1}'],
    ['a key twice, with a tab before a colon', '{"a"\t:1,"a":1}'],
    ['a key twice, with a line break before a colon', '{"a"\n:1,"a"\r:1}'],
    ['a key twice, and a text that begins with a colon', '{"a":":","a":":"}'],
    ['a key twice, once with an escape', '{"a":1,"\\u0061":1}'],
    ['__proto__ twice', '{"__proto__":1,"__proto__":2}'],
    ['a number that is rounded', '{"a":9007199254740993}'],
    ['a number that is rounded in a list', '{"a":[1,[-9007199254740993]]}'],
    ['a number without an end', '{"a":1e400}'],
    ['a lone surrogate', '{"a":"\ud800"}'],
    ['a control character', '{"a":"\u0001"}'],
    ['too deep', `{"a":${'['.repeat(70)}${']'.repeat(70)}}`],
    ['deep beyond measure', `{"a":${'['.repeat(400_000)}`],
    ['a comma too many', '{"a":1,}'],
  ];
  for (const [name, text] of cases) promise('P7', `${name}: refused`, () => expect(read(text)).toBe(REFUSED));
});

test('blanks, numbers and nesting that are allowed are read', () => {
  for (const text of [
    '{"a" : 1, "b": [ 2 ]}',
    '{"a":1.5,"b":1e3,"c":-0}',
    '{"a":":","b":"x:y"}',
    `{"a":${'['.repeat(40)}${']'.repeat(40)}}`,
    '{"__proto__":{"a":1}}',
  ]) {
    expect(read(text)).not.toBe(REFUSED);
    expect(JSON.stringify(read(text))).toBe(JSON.stringify(readStrictly(text)));
  }
});

promise('P7', 'any text is read as the strict reader reads it', () => {
  const blank = fc.constantFrom('', '', '', ' ', '\n', '\t', '\r');
  const name = fc.constantFrom('a', 'b', ':', 'a:', ' ', '{', '__proto__', '\\u0061', '1');
  const leaf = fc.oneof(
    name.map((text) => `"${text}"`),
    fc.constantFrom('1', '-0', '1.0', '1e2', '9007199254740993', '1e400', 'true', 'null'),
  );
  const { value } = fc.letrec<{ value: string; object: string; list: string }>((tie) => ({
    value: fc.oneof({ depthSize: 'small' }, leaf, tie('object'), tie('list')),
    object: fc
      .array(fc.tuple(blank, name, blank, blank, tie('value')), { maxLength: 4 })
      .map((all) => `{${all.map(([a, key, b, c, one]) => `${a}"${key}"${b}:${c}${one}`).join(',')}}`),
    list: fc.array(tie('value'), { maxLength: 3 }).map((all) => `[${all.join(',')}]`),
  }));
  fc.assert(
    fc.property(value, (any) => {
      const text = `{"top":${any}}`;
      expect(JSON.stringify(read(text))).toBe(JSON.stringify(readStrictly(text)));
    }),
    { numRuns: 2000 },
  );
});
