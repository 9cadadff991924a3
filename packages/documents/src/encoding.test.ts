import * as fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { fromBase64Url, fromHex, toBase64Url, toHex } from './encoding.ts';

const bytes = fc.uint8Array({ maxLength: 100 }).map((value) => Uint8Array.from(value));

promise('P7', 'hexadecimal and base64url read back what they wrote', () => {
  fc.assert(
    fc.property(bytes, (value) => {
      expect(fromHex(toHex(value))).toEqual(value);
      expect(fromBase64Url(toBase64Url(value))).toEqual(value);
      expect(toBase64Url(value)).toBe(Buffer.from(value).toString('base64url'));
    }),
  );
});

promise('P7', 'no two texts stand for the same bytes', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 24 }), (text) => {
      const fromText = fromBase64Url(text);
      if (fromText !== undefined) expect(toBase64Url(fromText)).toBe(text);
      const fromDigits = fromHex(text);
      if (fromDigits !== undefined) expect(toHex(fromDigits)).toBe(text);
    }),
  );
});

for (const text of ['a', 'YQ==', 'YR', 'Y+', 'Y/', 'Y Q', 'YQ\n', 'YWJj=']) {
  promise('P7', `base64url refuses ${JSON.stringify(text)}`, () => {
    expect(fromBase64Url(text)).toBeUndefined();
  });
}

for (const text of ['a', 'AB', '0x', 'zz', 'ab ', ' ab', 'ab\n']) {
  promise('P7', `hexadecimal refuses ${JSON.stringify(text)}`, () => {
    expect(fromHex(text)).toBeUndefined();
  });
}
