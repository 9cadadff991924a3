import * as fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { parseDocument } from './document-file.ts';
import { UsageError } from './errors.ts';
import { nearest } from './nearest.ts';
import { either, hex, integer, list, mapOf, object, oneOf, optional, showPath, tagged, text } from './shape.ts';

const dinner = object({
  guests: list(object({ name: text('a name', /^[A-Z]/), seat: optional(integer(1)) })),
  drink: oneOf('tea', 'coffee'),
  table: either(oneOf('any'), hex(2)),
  notes: mapOf(/^[a-z]+$/, text()),
  dish: tagged('kind', {
    soup: object({ kind: oneOf('soup') }),
    roast: object({ kind: oneOf('roast'), hours: integer(1) }),
  }),
});
const good = { guests: [{ name: 'Ada' }], drink: 'tea', table: 'any', notes: {}, dish: { kind: 'roast', hours: 2 } };

const slips: readonly (readonly [string, (value: typeof good) => unknown, RegExp])[] = [
  [
    'an unknown member, with the nearest name',
    (value) => ({ ...value, drinks: 'tea' }),
    /unknown field "drinks"; did you mean "drink"\?/,
  ],
  [
    'a missing member',
    ({ drink, ...rest }) => ({ ...rest, ...(drink === 'x' ? { drink } : {}) }),
    /missing field "drink"/,
  ],
  [
    'an unknown value, with what is allowed',
    (value) => ({ ...value, drink: 'coffe' }),
    /expected one of "tea", "coffee", found "coffe"; did you mean "coffee"\?/,
  ],
  [
    'an empty list',
    (value) => ({ ...value, guests: [] }),
    /guests: expected a list of at least 1 entry, found an empty one/,
  ],
  [
    'a member of the wrong type, with its place',
    (value) => ({ ...value, guests: [{ name: 'Ada', seat: '1' }] }),
    /guests\[0\]\.seat: expected a whole number of at least 1, found "1"/,
  ],
  [
    'hexadecimal in upper case',
    (value) => ({ ...value, table: 'ABCD' }),
    /table: expected "any", found "ABCD"; or expected 2 bytes/,
  ],
  ['hexadecimal that is too short', (value) => ({ ...value, table: 'ab' }), /table/],
  ['a map key outside its pattern', (value) => ({ ...value, notes: { A: 'x' } }), /does not match/],
  [
    'a variant that is not known',
    (value) => ({ ...value, dish: { kind: 'salad' } }),
    /dish\.kind: expected one of "soup", "roast"/,
  ],
  ['a member of another variant', (value) => ({ ...value, dish: { kind: 'soup', hours: 2 } }), /unknown field "hours"/],
  ['null', () => null, /expected an object, found null/],
  ['a list instead of an object', () => [], /expected an object, found a list/],
];

promise('P7', 'a shape accepts what it describes and adds nothing', () => {
  expect(JSON.parse(JSON.stringify(parseDocument(JSON.stringify(good), dinner, 'dinner.json')))).toEqual(good);
});

for (const [what, change, message] of slips) {
  promise('P7', `a shape refuses ${what}`, () => {
    const run = (): unknown => parseDocument(JSON.stringify(change(good)), dinner, 'dinner.json');
    expect(run).toThrow(UsageError);
    expect(run).toThrow(message);
  });
}

promise('P7', 'a syntax error names file, line and column', () => {
  expect(() => parseDocument('{\n  "a": 1,\n  "a": 2\n}', dinner, 'dinner.json')).toThrow(
    /dinner\.json:3:3: .*duplicate key "a"/,
  );
});

promise('P7', 'any JSON value gives a result, never an exception', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => typeof dinner.parse(value).ok === 'boolean'));
});

promise('P7', 'the nearest name is offered only when it is near', () => {
  expect(nearest('debg', ['debug', 'revocation'])).toBe('debug');
  expect(nearest('colour', ['debug', 'revocation'])).toBeUndefined();
  expect(showPath(['a', 0, 'b'])).toBe('a[0].b');
});
