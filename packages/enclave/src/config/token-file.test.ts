import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { tokenDigests } from './token-file.ts';

const ONE = 'q7-3vN0_1aBcDeFgHiJkLmNoPqRsTuVwXyZ01234567';
const TWO = 'z9-3vN0_1aBcDeFgHiJkLmNoPqRsTuVwXyZ01234567';
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

promise('P1', 'tokens become digests by name, in an order that does not depend on the file', () => {
  const expected = { agent: sha256(ONE), web: sha256(TWO) };
  expect(tokenDigests(`# ours\n\nweb ${TWO}\nagent\t${ONE}\r\n`, 'tokens')).toEqual(expected);
  expect(JSON.stringify(tokenDigests(`agent ${ONE}\nweb ${TWO}`, 'tokens'))).toBe(JSON.stringify(expected));
});

const refused: Readonly<Record<string, readonly [string, RegExp]>> = {
  'no token at all': ['# nothing\n', /^tokens has no token$/],
  'a token without a name': [ONE, /^tokens:1: expected a name/],
  'three words': [`a ${ONE} b`, /^tokens:1: expected a name/],
  'a name with a slash': [`a/b ${ONE}`, /^tokens:1: expected a name/],
  'a short token': [`\na ${ONE.slice(0, 21)}`, /^tokens:2: the token is shorter than 22 characters/],
  'a token that no header can carry': [`a ${ONE}ü`, /^tokens:1: the token has characters/],
  'a name that is there twice': [`a ${ONE}\na ${TWO}`, /^tokens:2: the name a is there twice/],
  'a token with two names': [`a ${ONE}\nb ${ONE}`, /^tokens:2: this token has two names/],
};
for (const [what, [content, message]] of Object.entries(refused)) {
  promise('P1', `${what} is refused, and the message has no token`, () => {
    let said = '';
    try {
      tokenDigests(content, 'tokens');
    } catch (error) {
      said = String((error as Error).message);
    }
    expect(said).toMatch(message);
    expect(said).not.toContain(ONE.slice(0, 12));
  });
}

test('no line makes a message that repeats it', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 12 }), (secret) => {
      try {
        tokenDigests(`name ${secret}`, 'tokens');
      } catch (error) {
        expect((error as Error).message).not.toContain(secret);
      }
    }),
  );
});
