import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { fromHex, toHex } from '@vitrine/documents';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { bytes } from './testing/fresh-store.ts';
import { decrypt, type Encryption, encrypt } from './xchacha.ts';

const LONG = 4096;

function hex(text: string): Uint8Array {
  const decoded = fromHex(text);
  if (decoded === undefined) throw new TypeError('not hexadecimal');
  return decoded;
}

describe('XChaCha20-Poly1305', () => {
  test('gives the tag of the draft, appendix A.3.1', () => {
    const encryption: Encryption = {
      key: Uint8Array.from({ length: 32 }, (_, place) => 0x80 + place),
      nonce: Uint8Array.from({ length: 24 }, (_, place) => 0x40 + place),
      associated: hex('50515253c0c1c2c3c4c5c6c7'),
    };
    const text =
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
    const { body, tag } = encrypt(encryption, bytes(text));
    expect(toHex(body.subarray(0, 16))).toBe('bd6d179d3e83d43b9576579493c0e939');
    expect(toHex(tag)).toBe('c0875924c1c7987947deafd8780acf49');
  });

  test('both implementations write the same bytes and read each other', () => {
    const part = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    fc.assert(
      fc.property(
        fc.record({ key: part(32), nonce: part(24), associated: fc.uint8Array({ maxLength: 100 }) }),
        fc.constantFrom(1, LONG - 1, LONG, LONG + 1, 70_001),
        fc.integer({ min: 0, max: 255 }),
        (encryption, length, fill) => {
          const plaintext = new Uint8Array(length).fill(fill);
          const { body, tag } = encrypt(encryption, plaintext);
          const { key, nonce, associated } = encryption;
          const joined = Buffer.from(xchacha20poly1305(key, nonce, associated).encrypt(plaintext));
          expect(Buffer.concat([body, tag]).equals(joined)).toBe(true);
          expect(Buffer.from(decrypt(encryption, { body, tag }) ?? []).equals(plaintext)).toBe(true);
        },
      ),
    );
  });

  promise('P1', 'what differs in one bit anywhere is not decrypted, short or long', () => {
    const flip = (part: Uint8Array, at: number): Uint8Array =>
      part.map((byte, place) => (place === at ? byte ^ 1 : byte));
    for (const length of [16, LONG - 1, LONG, LONG + 100]) {
      const encryption = { key: new Uint8Array(32), nonce: new Uint8Array(24), associated: new Uint8Array(8) };
      const { body, tag } = encrypt(encryption, new Uint8Array(length));
      expect(decrypt(encryption, { body, tag })).toBeDefined();
      for (const at of [0, 15]) expect(decrypt(encryption, { body, tag: flip(tag, at) })).toBeUndefined();
      for (const at of [0, 7, length - 1]) expect(decrypt(encryption, { body: flip(body, at), tag })).toBeUndefined();
      expect(decrypt(encryption, { body: body.subarray(1), tag })).toBeUndefined();
      expect(decrypt(encryption, { body, tag: tag.subarray(1) })).toBeUndefined();
      for (const name of ['key', 'nonce', 'associated'] as const) {
        for (const at of [0, encryption[name].length - 1]) {
          const changed = { ...encryption, [name]: flip(encryption[name], at) };
          expect(decrypt(changed, { body, tag })).toBeUndefined();
        }
      }
    }
  });
});
