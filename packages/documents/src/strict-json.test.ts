import * as fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { JsonSyntaxError, parseStrictJson } from './strict-json.ts';

const refused: readonly (readonly [string, string])[] = [
  ['a duplicate key', '{"a":1,"a":2}'],
  ['a duplicate key written with an escape', '{"a":1,"\\u0061":2}'],
  ['text after the value', '{} x'],
  ['two values', '1 2'],
  ['a trailing comma', '[1,]'],
  ['a leading byte order mark', '\ufeff{}'],
  ['a lone surrogate', '"\\ud800"'],
  ['a control character in a string', '"a\u0001b"'],
  ['an unknown escape', '"\\x41"'],
  ['a number too large for a double', '1e999'],
  ['an integer that a double rounds', '9007199254740993'],
  ['a leading zero', '01'],
  ['a plus sign', '+1'],
  ['NaN', 'NaN'],
  ['nothing', ''],
  ['an unfinished string', '"abc'],
  ['an unfinished object', '{"a":'],
  ['a key without quotes', '{a:1}'],
];

for (const [what, text] of refused) {
  promise('P7', `strict JSON refuses ${what}`, () => {
    expect(() => parseStrictJson(text)).toThrow(JsonSyntaxError);
  });
}

promise('P7', 'strict JSON refuses nesting that would exhaust the stack, at once', () => {
  expect(() => parseStrictJson('['.repeat(100_000))).toThrow(/nesting deeper/);
});

promise('P7', 'a key __proto__ is an ordinary key', () => {
  const value = parseStrictJson('{"__proto__":{"polluted":true}}') as Record<string, unknown>;
  expect(Object.keys(value)).toEqual(['__proto__']);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

promise('P7', 'strict JSON reads what JSON.stringify writes', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
      const text = JSON.stringify(value);
      let parsed: unknown;
      try {
        parsed = parseStrictJson(text);
      } catch (error) {
        // Strings with lone surrogates, and integers beyond 2^53, are legal for JSON.stringify only.
        expect(error).toBeInstanceOf(JsonSyntaxError);
        return;
      }
      expect(JSON.stringify(parsed)).toBe(JSON.stringify(JSON.parse(text)));
    }),
  );
});

promise('P7', 'any text gives a value or a JsonSyntaxError', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      try {
        parseStrictJson(text);
      } catch (error) {
        expect(error).toBeInstanceOf(JsonSyntaxError);
      }
    }),
  );
});
