import fc from 'fast-check';
import { expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { formatUtc, parseUtc, utcTimeShape } from './utc-time.ts';

promise('P4', 'a time is read as what it says, to the second', () => {
  expect(parseUtc('1970-01-01T00:00:00Z')).toBe(0);
  expect(parseUtc('2026-11-23T09:00:01Z')).toBe(1_795_424_401);
  expect(parseUtc('2028-02-29T23:59:59Z')).toBe(Date.parse('2028-02-29T23:59:59Z') / 1000);
  expect(formatUtc(1_795_424_401.999)).toBe('2026-11-23T09:00:01Z');
});

const wrong: Readonly<Record<string, string>> = {
  'a fraction': '2026-11-23T09:00:00.0Z',
  'an offset of nothing': '2026-11-23T09:00:00+00:00',
  'an offset': '2026-11-23T09:00:00-05:00',
  'no zone': '2026-11-23T09:00:00',
  'no time': '2026-11-23',
  'a lower-case t': '2026-11-23t09:00:00Z',
  'a lower-case z': '2026-11-23T09:00:00z',
  'a blank for the T': '2026-11-23 09:00:00Z',
  'a blank behind it': '2026-11-23T09:00:00Z ',
  'a line break behind it': '2026-11-23T09:00:00Z\n',
  'a blank before it': ' 2026-11-23T09:00:00Z',
  'a leap second': '2026-12-31T23:59:60Z',
  'the hour 24': '2026-11-23T24:00:00Z',
  'the minute 60': '2026-11-23T09:60:00Z',
  'the month 13': '2026-13-01T09:00:00Z',
  'the month 0': '2026-00-01T09:00:00Z',
  'the day 0': '2026-11-00T09:00:00Z',
  '31 November': '2026-11-31T09:00:00Z',
  '29 February of a year without': '2026-02-29T09:00:00Z',
  '29 February of 2100': '2100-02-29T09:00:00Z',
  'a year of two digits': '26-11-23T09:00:00Z',
  'a year that stands for another': '0026-11-23T09:00:00Z',
  'a year of six digits': '+002026-11-23T09:00:00Z',
  'digits of another script': '２０２６-11-23T09:00:00Z',
  'no digits': 'yesterday',
  nothing: '',
};
for (const [what, text] of Object.entries(wrong)) {
  promise('P4', `a time with ${what} is none`, () => {
    expect(parseUtc(text)).toBeUndefined();
    expect(utcTimeShape.parse(text).ok).toBe(false);
  });
}

promise('P4', 'every second has one spelling, and every text is that spelling or no time', () => {
  const last = Date.UTC(9999, 11, 31, 23, 59, 59) / 1000;
  fc.assert(
    fc.property(fc.integer({ min: Date.UTC(1000) / 1000, max: last }), (seconds) => {
      expect(parseUtc(formatUtc(seconds))).toBe(seconds);
    }),
  );
  const digits = (count: number): fc.Arbitrary<string> =>
    fc.integer({ min: 0, max: 10 ** count - 1 }).map((value) => String(value).padStart(count, '0'));
  const two = fc.oneof(digits(2), fc.constantFrom('00', '01', '12', '28', '29', '30', '31', '59', '60'));
  fc.assert(
    fc.property(
      fc.oneof(digits(4), fc.constantFrom('2024', '2100')),
      fc.tuple(two, two, two, two, two),
      (year, rest) => {
        const [month, day, hour, minute, second] = rest;
        const text = `${year}-${month}-${day}T${hour}:${minute}:${second}Z`;
        const seconds = parseUtc(text);
        if (seconds !== undefined) expect(formatUtc(seconds)).toBe(text);
      },
    ),
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      const seconds = parseUtc(text);
      if (seconds !== undefined) expect(formatUtc(seconds)).toBe(text);
    }),
  );
});

test('values that are no text are no times', () => {
  for (const value of [0, null, {}, [], new Date(0)]) expect(utcTimeShape.parse(value).ok).toBe(false);
});
