import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { cleanText, visibleText } from './clean-text.ts';

const hidden: Readonly<Record<string, string>> = {
  'an escape': '\u001b',
  'a bell': '\u0007',
  'a NUL': '\0',
  'a C1 control sequence introducer': '\u009b',
  'a bidirectional override': '\u202e',
  'a bidirectional isolate': '\u2066',
  'an Arabic letter mark': '\u061c',
  'a zero-width space': '\u200b',
  'a zero-width joiner': '\u200d',
  'a word joiner': '\u2060',
  'an invisible times': '\u2062',
  'a byte order mark': '\ufeff',
  'a soft hyphen': '\u00ad',
  'a combining grapheme joiner': '\u034f',
  'a Hangul filler': '\u3164',
  'a half-width Hangul filler': '\uffa0',
  'a Mongolian vowel separator': '\u180e',
  'a tag letter': '\u{e0041}',
  'the language tag': '\u{e0001}',
  'a supplementary variation selector': '\u{e0101}',
  'a variation selector behind a letter': '\ufe0f',
  'an interlinear annotation': '\ufff9',
  'a lone surrogate': '\ud800',
};
for (const [name, character] of Object.entries(hidden)) {
  promise('P7', `${name} from a server is shown as replaced`, () => {
    expect(visibleText(`veri${character}fied`)).toBe('veri\ufffdfied');
  });
}

for (const [name, separator] of Object.entries({ cr: '\r', crlf: '\r\n', next: '\u0085', line: '\u2028', tab: '\t' })) {
  promise('P7', `a line cannot be begun with ${name}`, () => {
    expect(visibleText(`rejected${separator}verified`)).toBe('rejected verified');
  });
}

test('plain text of any language stays as it is', () => {
  for (const text of ['Grüße, 世界, שלום', 'مرحبا', 'नमस्ते', '한국어', '⚠️ read this', '👍🏽', 'e\u0301', '1 × 2 ≤ 3']) {
    expect(visibleText(text)).toBe(text);
  }
});

test('one selector behind a pictograph stays, a second one does not', () => {
  expect(visibleText('⚠\ufe0f\ufe0f\ufe0e')).toBe('⚠\ufe0f\ufffd\ufffd');
  expect(visibleText('1\ufe0f')).toBe('1\ufffd');
});

test('the limit is kept, and no character is cut in half', () => {
  expect(cleanText('x'.repeat(1_000_000), 10)).toBe(`${'x'.repeat(9)}…`);
  expect(cleanText('👍👍👍', 4).isWellFormed()).toBe(true);
  expect(cleanText('  a  ')).toBe('a');
});

test('whatever comes in, what comes out is one line, visible, and stays as it is when cleaned again', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const clean = visibleText(text);
      expect(clean).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\u200b-\u200f\u{e0000}-\u{e007f}]/u);
      expect(visibleText(clean)).toBe(clean);
    }),
    { numRuns: 40 },
  );
});
