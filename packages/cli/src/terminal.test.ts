import * as fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { printedCommand } from './printed-command.ts';
import { clean, wrap } from './terminal.ts';

for (const [what, text] of [
  ['an escape sequence', '\u001b[2J\u001b]0;verified\u0007'],
  ['a carriage return', 'rejected\rverified'],
  ['a bidirectional override', '\u202everified'],
  ['a zero-width space', 'veri\u200bfied'],
  ['a line separator', 'a\u2028b'],
  ['a C1 control', 'a\u009b31mb'],
] as const) {
  promise('P7', `${what} that a server sends cannot steer the terminal`, () => {
    expect(clean(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e]/);
  });
}

promise('P7', 'plain text of any language stays as it is', () => {
  expect(clean('Grüße, 世界, שלום')).toBe('Grüße, 世界, שלום');
});

promise('P7', 'wrapping loses no word', () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[a-z]{1,20}$/), { minLength: 1 }), (words) => {
      expect(wrap(words.join(' '), 40, '    ').split(/\s+/)).toEqual(words);
    }),
  );
});

promise('P7', 'a printed command survives spaces and quotes in paths', () => {
  expect(printedCommand(['vitrine', 'verify', "/tmp/it's here/r.json"], 'linux')).toBe(
    "vitrine verify '/tmp/it'\\''s here/r.json'",
  );
  expect(printedCommand(['vitrine', 'C:\\Users\\Ada Lovelace\\r.json'], 'win32')).toBe(
    'vitrine "C:\\Users\\Ada Lovelace\\r.json"',
  );
  expect(printedCommand(['vitrine', 'C:\\Users\\ada\\r.json'], 'win32')).toBe('vitrine C:\\Users\\ada\\r.json');
});
