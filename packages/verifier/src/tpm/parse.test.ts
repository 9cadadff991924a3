import { concatBytes, MalformedEvidenceError } from '@vitrine/documents';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import {
  ECDSA_KEY,
  forgeTpm,
  SHA256,
  sized,
  TPM_NONCE,
  type TpmChanges,
  tpmtPublic,
  u16,
} from '../testing/forged-tpm.ts';
import { isTpmQuote } from './forms.ts';
import { parseTpmQuote } from './parse.ts';

const FORMS: readonly TpmChanges[] = [
  {},
  { key: ECDSA_KEY },
  { form: 'hex' },
  { form: 'keyed' },
  { form: 'keyed', key: ECDSA_KEY },
  { form: 'pub' },
];

const drop =
  (name: string) =>
  ({ [name]: _, ...rest }: Record<string, unknown>): unknown =>
    rest;
const set =
  (name: string, value: unknown) =>
  (members: Record<string, unknown>): unknown => ({ ...members, [name]: value });
const setInQuote =
  (name: string, value: unknown) =>
  (members: Record<string, unknown>): unknown => ({
    ...members,
    tpm_quote: { ...(members['tpm_quote'] as object), [name]: value },
  });

describe('TPM quotes', () => {
  test('a good one is read in every form', () => {
    for (const form of FORMS) {
      const bytes = forgeTpm(form);
      expect(isTpmQuote(bytes)).toBe(true);
      const { attest, signature } = parseTpmQuote(bytes);
      expect(attest.extraData).toBe('0102030405060708');
      expect(attest.selections).toEqual([{ bank: SHA256, indexes: [0, 1, 2, 3, 4, 5, 6, 7] }]);
      expect(attest).toMatchObject({
        safe: true,
        resetCount: '00000003',
        restartCount: '00000002',
        firmwareVersion: '0404040404040404',
      });
      expect(signature.bytes).toHaveLength(signature.scheme === 'rsassa' ? 256 : 64);
    }
  });

  test('the whole of every field is read: an empty name, no nonce, no selection', () => {
    const none = parseTpmQuote(forgeTpm({ extraData: new Uint8Array(), selections: [] }));
    expect(none.attest).toMatchObject({ extraData: '', selections: [] });
    expect(
      parseTpmQuote(
        forgeTpm({
          selections: [
            [4, [1]],
            [SHA256, [0, 0x80, 1]],
          ],
        }),
      ).attest.selections,
    ).toEqual([
      { bank: 4, indexes: [0] },
      { bank: SHA256, indexes: [15, 16] },
    ]);
  });

  const refused: readonly [name: string, changes: TpmChanges, reason: RegExp][] = [
    ['a certification instead of a quote', { type: 0x8017, form: 'hex' }, /type of attestation/],
    ['qualifying data of 67 bytes', { extraData: new Uint8Array(67) }, /qualifying data too long/],
    ['neither yes nor no for the clock', { safe: 2 }, /neither yes nor no/],
    [
      'a bank twice',
      {
        selections: [
          [SHA256, [1]],
          [SHA256, [2]],
        ],
      },
      /selected twice/,
    ],
    [
      'seventeen selections',
      { selections: Array.from({ length: 17 }, (_, bank) => [bank, [1]] as const) },
      /more than 16/,
    ],
    ['a selection of 40 registers', { selections: [[SHA256, [1, 1, 1, 1, 1]]] }, /more than 32/],
    ['a digest of 65 bytes', { pcrDigest: new Uint8Array(65) }, /digest of the registers too long/],
    [
      'bytes after the attestation',
      { form: 'hex', attest: (bytes) => concatBytes(bytes, Uint8Array.of(0)) },
      /bytes after its end/,
    ],
    ['an attestation cut short', { form: 'hex', attest: (bytes) => bytes.slice(0, -1) }, /ends early/],
    [
      'bytes after the signature',
      { structure: (bytes) => concatBytes(bytes, Uint8Array.of(0)) },
      /bytes after its end/,
    ],
    ['a signature cut short', { structure: (bytes) => bytes.slice(0, -1) }, /ends early/],
    ['no signature', { structure: () => new Uint8Array() }, /no signature follows/],
    ['RSAPSS', { structure: (bytes) => concatBytes(u16(0x0016), bytes.slice(2)) }, /scheme is not supported/],
    ['an HMAC', { structure: (bytes) => concatBytes(u16(0x0005), bytes.slice(2)) }, /scheme is not supported/],
    [
      'SHA-1 in the signature',
      { structure: (bytes) => concatBytes(bytes.slice(0, 2), u16(0x0004), bytes.slice(4)) },
      /digest of the signature/,
    ],
    [
      'an RSA signature of 513 bytes',
      { structure: (bytes) => concatBytes(bytes.slice(0, 4), sized(new Uint8Array(513))) },
      /signature too long/,
    ],
    [
      'an r of 33 bytes',
      {
        key: ECDSA_KEY,
        structure: (bytes) => concatBytes(bytes.slice(0, 4), sized(new Uint8Array(33)), sized(new Uint8Array(32))),
      },
      /r or s too long/,
    ],
    ['an unknown member', { form: 'hex', json: set('report', '00') }, /unknown field/],
    ['a missing signature', { form: 'hex', json: drop('signature') }, /missing field "signature"/],
    ['missing values', { form: 'hex', json: drop('pcrs') }, /missing field "pcrs"/],
    ['23 values', { form: 'hex', pcrs: Array.from({ length: 23 }, () => '00'.repeat(32)) }, /at least 24/],
    [
      '25 values',
      { form: 'hex', pcrs: Array.from({ length: 25 }, () => '00'.repeat(32)) },
      /wrong number of registers/,
    ],
    ['a value of 20 bytes', { form: 'hex', pcrs: Array.from({ length: 24 }, () => '00'.repeat(20)) }, /32 bytes/],
    [
      'upper-case hexadecimal',
      { form: 'hex', json: (members) => ({ ...members, message: String(members['message']).toUpperCase() }) },
      /lower-case hexadecimal/,
    ],
    [
      'half a byte',
      { form: 'hex', json: (members) => ({ ...members, message: `${String(members['message'])}0` }) },
      /lower-case hexadecimal/,
    ],
    ['hexadecimal where base64 has to be', { form: 'keyed', json: setInQuote('signature', '00z') }, /malformed base64/],
    ['base64 with spare bits', { form: 'keyed', json: setInQuote('message', '/1RDRx==') }, /malformed base64/],
    ['a key that is none', { form: 'keyed', json: set('ak_public', 'AAAA') }, /public key is not/],
    ['an unknown member of the quote', { form: 'keyed', json: setInQuote('nonce', '00') }, /unknown field/],
    ['r of 31 bytes', { form: 'pub', json: set('r', '00'.repeat(31)) }, /32 bytes/],
    ['a member of two forms', { form: 'pub', json: set('message', '00') }, /unknown field/],
    ['a list', { form: 'hex', json: (members) => [members] }, /neither JSON nor a TPM attestation/],
    ['no known member', { form: 'hex', json: () => ({ quote: '00' }) }, /known form/],
  ];
  for (const [name, changes, reason] of refused) {
    promise('P7', `tpm.format refuses ${name}`, () => {
      const bytes = forgeTpm(changes);
      expect(() => parseTpmQuote(bytes)).toThrow(MalformedEvidenceError);
      expect(() => parseTpmQuote(bytes)).toThrow(expect.objectContaining({ check: 'tpm.format' }));
      expect(() => parseTpmQuote(bytes)).toThrow(reason);
    });
  }

  const publics: readonly [name: string, bytes: Uint8Array<ArrayBuffer>, reason: RegExp][] = [
    ['an unrestricted key', tpmtPublic(ECDSA_KEY, 0x0004_0072), /not a restricted signing key/],
    ['a key that may decrypt', tpmtPublic(ECDSA_KEY, 0x0007_0072), /not a restricted signing key/],
    ['a key that was made elsewhere', tpmtPublic(ECDSA_KEY, 0x0005_0052), /not a restricted signing key/],
    ['a key that can leave its TPM', tpmtPublic(ECDSA_KEY, 0x0005_0070), /not a restricted signing key/],
    ['bytes after the key', concatBytes(tpmtPublic(ECDSA_KEY), Uint8Array.of(0)), /bytes after its end/],
  ];
  for (const [name, bytes, reason] of publics) {
    promise('P7', `tpm.format refuses ${name}`, () => {
      const quote = forgeTpm({ form: 'pub', json: set('pub', Buffer.from(bytes).toString('hex')) });
      expect(() => parseTpmQuote(quote)).toThrow(reason);
    });
  }

  for (const form of FORMS) {
    promise(
      'P7',
      `tpm.magic refuses what no TPM made: ${JSON.stringify({ form: form.form ?? 'binary', key: form.key?.kind })}`,
      () => {
        for (const magic of [0, 0xff54_4346, 0x4743_54ff]) {
          const quote = forgeTpm({ ...form, magic });
          expect(() => parseTpmQuote(quote)).toThrow(expect.objectContaining({ check: 'tpm.magic' }));
        }
      },
    );
  }

  const texts: readonly [name: string, text: string][] = [
    ['duplicate members', '{"message":"00","message":"00"}'],
    ['text after the end', '{"message":"00"}x'],
    ['a number instead of text', '{"message":1}'],
    ['deep nesting', `{"message":${'['.repeat(10_000)}`],
    ['more than 64 kB', `{"message":"${'00'.repeat(40_000)}"}`],
    ['nothing', ''],
  ];
  for (const [name, text] of texts) {
    promise('P7', `tpm.format refuses JSON with ${name}`, () => {
      expect(() => parseTpmQuote(new TextEncoder().encode(text))).toThrow(MalformedEvidenceError);
    });
  }
});

describe('any bytes', () => {
  const survives = (bytes: Uint8Array<ArrayBuffer>): void => {
    isTpmQuote(bytes);
    try {
      parseTpmQuote(bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(MalformedEvidenceError);
    }
  };
  const goods = FORMS.map((form) => forgeTpm(form));

  promise('P7', 'give a quote or a refusal', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(0, 6, 40, 49, 66), (noise, keep) => {
        survives(concatBytes((goods[0] as Uint8Array).slice(0, keep), noise));
        survives(concatBytes(Uint8Array.of(0x7b), noise));
      }),
      { numRuns: 1000 },
    );
  });

  promise('P7', 'give a quote or a refusal where they replace a part of a good one', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...goods),
        fc.uint8Array({ minLength: 1, maxLength: 4 }),
        fc.nat(),
        (good, noise, place) => {
          const bytes = Uint8Array.from(good);
          bytes.set(noise, place % (bytes.length - noise.length));
          survives(bytes);
        },
      ),
      { numRuns: 1000 },
    );
  });

  promise('P7', 'no truncation of a quote is read', () => {
    for (const good of goods) {
      for (let length = 0; length < good.length; length += 7) {
        expect(() => parseTpmQuote(good.slice(0, length))).toThrow(MalformedEvidenceError);
      }
    }
    expect(TPM_NONCE).toHaveLength(8);
  });
});
