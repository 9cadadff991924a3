import fc from 'fast-check';
import { parse } from 'jsonc-parser';
import { describe, expect, test } from 'vitest';
import { removeJsonMember, setJsonMember } from './json-edit.ts';

const set = (text: string): string => setJsonMember(text, ['servers', 'bank'], { a: [1] });
const remove = (text: string): string => removeJsonMember(text, ['servers', 'bank']);

describe('one member of a JSON text', () => {
  test.each([
    ['an empty object', '{}\n', '{\n  "servers": {\n    "bank": {\n      "a": [\n        1\n      ]\n    }\n  }\n}\n'],
    ['one line', '{"servers":{"x":1}}', '{"servers":{"x":1, "bank": {"a":[1]}}}'],
    ['one line, empty', '{"servers":{}}', '{"servers":{"bank": {"a":[1]}}}'],
    ['an inline object', '{\n  "servers": { "x": 1 }\n}', '{\n  "servers": { "x": 1, "bank": {"a":[1]} }\n}'],
    [
      'comments behind the last member',
      '{\n  // top\n  "servers": {\n    "x": 1 // about x\n    // end\n  }\n}',
      '{\n  // top\n  "servers": {\n    "x": 1, // about x\n    "bank": {\n      "a": [\n        1\n      ]\n    }\n    // end\n  }\n}',
    ],
    [
      'a trailing comma',
      '{\n\t"servers": {\n\t\t"x": 1, /* about x */\n\t},\n}',
      '{\n\t"servers": {\n\t\t"x": 1, /* about x */\n\t\t"bank": {\n\t\t\t"a": [\n\t\t\t\t1\n\t\t\t]\n\t\t},\n\t},\n}',
    ],
    [
      'a comment in an empty object',
      '{\n  "servers": {\n    // none yet\n  }\n}',
      '{\n  "servers": {\n    // none yet\n    "bank": {\n      "a": [\n        1\n      ]\n    }\n  }\n}',
    ],
    [
      'line ends of Windows',
      '{\r\n  "servers": {\r\n    "x": 1\r\n  }\r\n}\r\n',
      '{\r\n  "servers": {\r\n    "x": 1,\r\n    "bank": {\r\n      "a": [\r\n        1\r\n      ]\r\n    }\r\n  }\r\n}\r\n',
    ],
    [
      'a comma after a comment',
      '{"servers": {\n  "x": 1 // c\n  ,\n}}',
      '{"servers": {\n  "x": 1 // c\n  ,\n  "bank": {\n    "a": [\n      1\n    ]\n  },\n}}',
    ],
    ['a value of another kind', '{"servers":{"bank":7,"x":1}}', '{"servers":{"bank":{"a":[1]},"x":1}}'],
  ])('is set in %s', (_what, before, after) => {
    expect(set(before)).toBe(after);
  });

  test.each([
    ['the last', '{\n  "servers": {\n    "x": 1,\n    "bank": 2\n  }\n}', '{\n  "servers": {\n    "x": 1\n  }\n}'],
    ['the first', '{\n  "servers": {\n    "bank": {},\n    "x": 1\n  }\n}', '{\n  "servers": {\n    "x": 1\n  }\n}'],
    ['the only one', '{\n  "servers": {\n    "bank": {}\n  }\n}', '{\n  "servers": {}\n}'],
    ['one of a line', '{"servers":{"x":1, "bank": 2}}', '{"servers":{"x":1}}'],
    [
      'one between comments',
      '{\n  "servers": {\n    "x": 1, // about x\n    // about bank\n    "bank": 2 // too\n  }\n}',
      '{\n  "servers": {\n    "x": 1 // about x\n    // about bank\n     // too\n  }\n}',
    ],
    [
      'one before a comment about the next',
      '{"servers": {\n  "bank": 2,\n  // about x\n  "x": 1,\n}}',
      '{"servers": {\n  // about x\n  "x": 1,\n}}',
    ],
    ['the only one beside a comment', '{"servers": {\n  // c\n  "bank": 2\n}}', '{"servers": {\n  // c\n}}'],
  ])('is removed when it is %s', (_what, before, after) => {
    expect(remove(before)).toBe(after);
  });

  const names = fc.string().filter((name) => name !== '__proto__');
  // As JSON holds them: it has no -0.
  const objects = fc.dictionary(names, fc.jsonValue()).map((value): typeof value => JSON.parse(JSON.stringify(value)));
  const indents = fc.constantFrom(undefined, 1, 2, '\t');

  test('is set without touching any other, in any layout', () => {
    fc.assert(
      fc.property(objects, objects, indents, names, fc.boolean(), (top, servers, indent, name, crlf) => {
        const json = JSON.stringify({ ...top, servers }, undefined, indent);
        const text = crlf ? json.replaceAll('\n', '\r\n') : json;
        const edited: unknown = JSON.parse(setJsonMember(text, ['servers', name], { a: 1 }));
        const whole = JSON.parse(text) as object;
        expect(edited).toEqual({ ...whole, servers: { ...servers, [name]: { a: 1 } } });
        expect(setJsonMember(text, ['servers', name], { a: 1 }).includes('\r')).toBe(crlf && text.includes('\r'));
      }),
    );
  });

  test('is removed again without a trace', () => {
    fc.assert(
      fc.property(objects, objects, indents, names, (top, servers, indent, name) => {
        fc.pre(!Object.hasOwn(servers, name));
        const text = JSON.stringify({ ...top, servers }, undefined, indent);
        expect(removeJsonMember(setJsonMember(text, ['servers', name], { a: 1 }), ['servers', name])).toBe(text);
      }),
    );
  });

  test('keeps every comment, wherever it stands', () => {
    const gap = fc.constantFrom('', ' ', '\n', ' // c1 \n', '/* c2 */', ' /* c3\n c3 */\n', '\r\n\t// c4\r\n');
    fc.assert(
      fc.property(fc.array(gap, { minLength: 14, maxLength: 14 }), fc.boolean(), ([...g], comma) => {
        const text = `${g[0]}{${g[1]}"o"${g[2]}:${g[3]}1${g[4]},${g[5]}"servers"${g[6]}:${g[7]}{${g[8]}"x"${g[9]}:${g[10]}1${g[11]}${comma ? ',' : ''}${g[12]}}${g[13]}}`;
        const comments = (of: string): readonly string[] => (of.match(/c[1-4]/g) ?? []).toSorted();
        const added = set(text);
        expect(parse(added, [], { allowTrailingComma: true })).toEqual({ o: 1, servers: { x: 1, bank: { a: [1] } } });
        expect(comments(added)).toEqual(comments(text));
        const removed = remove(added);
        expect(parse(removed, [], { allowTrailingComma: true })).toEqual({ o: 1, servers: { x: 1 } });
        expect(comments(removed)).toEqual(comments(text));
      }),
      { numRuns: 300 },
    );
  });
});
