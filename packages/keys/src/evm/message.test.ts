import { toHex } from '@vitrine/documents';
import fc from 'fast-check';
import { type Hex, hashMessage, serializeTransaction, toRlp } from 'viem';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { decodeMessage, MAX_MESSAGE_BYTES } from './message.ts';
import { refusalOf } from './testing/refusals.ts';

/** Among them two that are refused. */
const LETTERS = fc.constantFrom(...'aZ09x{}:-/ \n\té世ש🙂\u202e\0');
const hex = (text: string): Hex => `0x${Buffer.from(text, 'utf8').toString('hex')}`;
const refused = (input: string): string => refusalOf(() => decodeMessage(input));
const refusedText = (text: string): string => refused(hex(text));

promise('P4', 'plain text is signed as viem signs it', () => {
  for (const text of [
    'a',
    'Sign in to example.org\n\tNonce: 42',
    'Grüße, 世界, שלום 🙂',
    'x'.repeat(MAX_MESSAGE_BYTES),
  ]) {
    const { intent, hash } = decodeMessage(hex(text));
    expect(intent).toMatchObject({ action: 'evm.message', text });
    expect(`0x${toHex(hash)}`).toBe(hashMessage(text));
    expect(Buffer.from(intent.bytes).toString('utf8')).toBe(
      `\x19Ethereum Signed Message:\n${Buffer.byteLength(text)}${text}`,
    );
  }
});

promise('P4', 'a hash dressed as a message is refused', () => {
  const digits = 'ab'.repeat(32);
  expect(refused(`0x${digits}`)).toBe('evm.raw-hash');
  expect(refusedText('I agree to the terms of service.')).toBe('evm.raw-hash');
  for (const text of [`0x${digits}`, digits, digits.toUpperCase(), `0X${digits}`, `  0x${digits}\n`, `\u00a0${digits}`])
    expect(refusedText(text), text).toBe('evm.raw-hash');
  expect(refusedText(`${digits}a`)).toBe('accepted');
});

promise('P4', 'a transaction dressed as a message is refused, as bytes and as text', () => {
  const to: Hex = `0x${'41'.repeat(20)}`;
  const forms = [
    serializeTransaction({ type: 'legacy', chainId: 1, to, value: 1n }),
    serializeTransaction({ type: 'legacy', to, value: 1n, data: `0x${'61'.repeat(80)}` }),
    serializeTransaction({ type: 'eip2930', chainId: 1, to }),
    serializeTransaction({ type: 'eip1559', chainId: 1, to, maxFeePerGas: 1n }),
    `0x7f${toRlp(['0x01', '0x01', '0x01', '0x01', to, '0x01', '0x']).slice(2)}` as Hex,
  ];
  for (const form of forms) {
    expect(refused(form)).toBe('evm.transaction-as-message');
    expect(refusedText(form)).toBe('evm.transaction-as-message');
    expect(refusedText(` ${form.toUpperCase().replace('0X', '0x')} `)).toBe('evm.transaction-as-message');
  }
  // Letters alone, with a first byte that is a type and one that is the length of a list: valid UTF-8.
  const letters = `a\u00df${'b'.repeat(6)}`;
  expect(['accepted', 'evm.transaction-as-message']).toContain(refusedText(letters));
  const disguised = Buffer.concat([Buffer.from([0xc7]), Buffer.from([0x80]), Buffer.from('abcdef')]);
  expect(refused(`0x${disguised.toString('hex')}`)).toBe('evm.transaction-as-message');
});

promise('P4', 'what cannot be seen, or turns what can, is refused', () => {
  const unseen = [
    '\0',
    '\x07',
    '\x19',
    '\x1b[2J',
    '\r',
    '\x7f',
    '\u0085',
    '\u00ad',
    '\u034f',
    '\u061c',
    '\u115f',
    '\u180e',
    '\u200b',
    '\u200d',
    '\u200e',
    '\u200f',
    '\u2028',
    '\u2029',
    '\u202a',
    '\u202e',
    '\u2060',
    '\u2066',
    '\u2069',
    '\u3164',
    '\ufe0f',
    '\ufeff',
    '\ufff9',
    '\ue000',
    '\u{e0041}',
    '\u{e0100}',
    '\u{10ffff}',
  ];
  for (const character of unseen) {
    for (const text of [`${character}ok`, `pay${character}me`, `ok${character}`])
      expect(refusedText(text), JSON.stringify(character)).toBe('evm.unseen-character');
  }
});

promise('P4', 'bytes that are not UTF-8 text are refused', () => {
  for (const bytes of ['ff', 'c080', 'eda080', 'f4908080', '61c3', '80', '6180', 'f8888080'])
    expect(refused(`0x${bytes}`), bytes).toBe('evm.not-text');
});

promise('P4', 'the prefix of signed messages within a message, an empty one, and one too long is refused', () => {
  expect(refusedText('Ethereum Signed Message:\n5hello')).toBe('evm.prefix');
  expect(refusedText('\x19Ethereum Signed Message:\n6hello!')).toBe('evm.unseen-character');
  expect(refusedText(`\x19\x01${'a'.repeat(64)}`)).toBe('evm.unseen-character');
  expect(refused('0x')).toBe('evm.empty');
  expect(refusedText('x'.repeat(MAX_MESSAGE_BYTES + 1))).toBe('evm.too-large');
  for (const text of ['', 'hello', '0x6', '0x6g', '6162', '0X6162', ' 0x6162'])
    expect(refused(text), text).toBe('evm.hex');
});

promise('P4', 'any text is signed as viem signs it, or refused', () => {
  fc.assert(
    fc.property(fc.string({ unit: LETTERS, minLength: 1, maxLength: 60 }), (text) => {
      if (refusedText(text) === 'accepted') expect(`0x${toHex(decodeMessage(hex(text)).hash)}`).toBe(hashMessage(text));
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      const input: Hex = `0x${toHex(bytes)}`;
      if (refused(input) === 'accepted')
        expect(`0x${toHex(decodeMessage(input).hash)}`).toBe(hashMessage({ raw: input }));
    }),
    { numRuns: 1000 },
  );
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void refused(text)));
});
