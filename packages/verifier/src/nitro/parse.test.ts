import { concatBytes, MalformedEvidenceError } from '@vitrine/documents';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import {
  CBOR_NULL,
  cborArray,
  cborBytes,
  cborHead,
  cborInteger,
  cborMap,
  cborTag,
  cborText,
} from '../testing/cbor-encode.ts';
import {
  containDstack,
  encodePcrs,
  forgeNitro,
  goodPcrs,
  MODULE_ID,
  NITRO_NOW,
  type NitroChanges,
  pcr,
} from '../testing/forged-nitro.ts';
import { isNitroDocument, parseNitroDocument } from './parse.ts';

const GOOD = forgeNitro();
const ES384 = Uint8Array.of(0xa1, 0x01, 0x38, 0x22);

const malformed = (changes: NitroChanges): (() => unknown) => {
  const document = forgeNitro(changes);
  return () => parseNitroDocument(document);
};

const field = (key: string, value: Uint8Array | null): NitroChanges => ({ fields: { [key]: value } });

describe('Nitro documents', () => {
  test('a good one is read, in every form that signers use', () => {
    const forms = [
      GOOD,
      forgeNitro({ payloadForm: 'definite' }),
      forgeNitro({ tagged: true }),
      containDstack(GOOD),
      forgeNitro(field('nonce', null)),
      forgeNitro({ fields: { public_key: null, nonce: null } }),
    ];
    for (const form of forms) {
      expect(isNitroDocument(form)).toBe(true);
      const document = parseNitroDocument(form);
      expect(document.moduleId).toBe(MODULE_ID);
      expect(document.timestamp).toEqual(NITRO_NOW);
      expect(document.pcrs.size).toBe(16);
      expect(document.certificates).toHaveLength(5);
      expect(document.nonce).toBeUndefined();
      expect(document.userData).toHaveLength(64);
    }
  });

  test('fields at their greatest sizes are read', () => {
    const all = new Map(Array.from({ length: 32 }, (_, index) => [index, pcr(1)] as const));
    const document = parseNitroDocument(
      forgeNitro({
        pcrs: all,
        fields: {
          public_key: cborBytes(new Uint8Array(1024)),
          user_data: cborBytes(new Uint8Array(512)),
          nonce: cborBytes(new Uint8Array(512)),
        },
      }),
    );
    expect(document.pcrs.size).toBe(32);
    expect(document.publicKey).toHaveLength(1024);
  });

  const certificate = cborBytes(new Uint8Array(500));
  const refused: readonly [name: string, changes: NitroChanges, reason: RegExp][] = [
    ['ES256', { protectedHeader: Uint8Array.of(0xa1, 0x01, 0x26) }, /ES384 alone/],
    ['no algorithm', { protectedHeader: Uint8Array.of(0xa0) }, /ES384 alone/],
    ['an empty protected header', { protectedHeader: new Uint8Array() }, /ES384 alone/],
    [
      'ES384 and a key id',
      { protectedHeader: cborMap([cborInteger(1), cborInteger(-35)], [cborInteger(4), cborBytes(ES384)]) },
      /ES384 alone/,
    ],
    [
      'ES384 twice',
      { protectedHeader: cborMap([cborInteger(1), cborInteger(-35)], [cborInteger(1), cborInteger(-35)]) },
      /ES384 alone/,
    ],
    ['ES384 in a longer form', { protectedHeader: Uint8Array.of(0xa1, 0x18, 0x01, 0x38, 0x22) }, /ES384 alone/],
    ['an algorithm in the unprotected header', { unprotectedHeader: ES384 }, /unprotected header/],
    [
      'a key id in the unprotected header',
      { unprotectedHeader: cborMap([cborInteger(4), cborBytes(ES384)]) },
      /unprotected header/,
    ],
    ['no unprotected header', { unprotectedHeader: CBOR_NULL }, /CBOR map/],
    ['a signature of 95 bytes', { signature: (bytes) => bytes.slice(1) }, /wrong length/],
    ['a signature of 97 bytes', { signature: (bytes) => concatBytes(bytes, Uint8Array.of(0)) }, /wrong length/],
    ['an empty payload', { payload: () => new Uint8Array() }, /wrong length/],
    ['a payload that is no map', { payload: () => cborArray() }, /CBOR map/],
    ['bytes after the payload', { payload: (bytes) => concatBytes(bytes, Uint8Array.of(0)) }, /bytes after the end/],
    ['a payload cut short', { payload: (bytes) => bytes.slice(0, -1) }, /ends early/],
    ['a key that is not defined', field('nitrotpm_pcrs', encodePcrs(goodPcrs())), /unknown key/],
    [
      'a number as key',
      { payload: (bytes) => concatBytes(bytes.slice(0, -1), Uint8Array.of(1, 1, 0xff)) },
      /unknown key/,
    ],
    [
      'a key twice',
      { payload: (bytes) => concatBytes(bytes.slice(0, -1), cborText('nonce'), CBOR_NULL, Uint8Array.of(0xff)) },
      /"nonce" twice/,
    ],
    ['no module id', field('module_id', null), /"module_id" is missing/],
    ['an empty module id', field('module_id', cborText('')), /printable/],
    ['a module id with a line end', field('module_id', cborText(`${MODULE_ID}\n`)), /printable/],
    ['a module id of bytes', field('module_id', cborBytes(ES384)), /CBOR text/],
    ['a tagged module id', field('module_id', cborTag(18, cborText(MODULE_ID))), /tag 18/],
    ['no digest', field('digest', null), /"digest" is missing/],
    ['SHA256', field('digest', cborText('SHA256')), /"SHA384"/],
    ['sha384 in lower case', field('digest', cborText('sha384')), /"SHA384"/],
    ['no time', field('timestamp', null), /"timestamp" is missing/],
    ['the time 0', field('timestamp', cborInteger(0)), /no time/],
    ['a negative time', field('timestamp', cborInteger(-1)), /out of range/],
    ['a time after the year 9999', field('timestamp', cborInteger(253_402_300_800_000)), /out of range/],
    ['a time as text', field('timestamp', cborText('2026-06-15')), /whole number/],
    ['no registers', field('pcrs', null), /"pcrs" is missing/],
    ['an empty map of registers', { pcrs: new Map() }, /PCR0 is missing/],
    ['PCR0 alone', { pcrs: new Map([[0, pcr(1)]]) }, /PCR1 is missing/],
    [
      'no PCR2',
      {
        pcrs: new Map([
          [0, pcr(1)],
          [1, pcr(1)],
          [3, pcr(1)],
        ]),
      },
      /PCR2 is missing/,
    ],
    ['PCR32', { pcrs: new Map([...goodPcrs(), [32, pcr(1)]]) }, /no such register/],
    ['PCR-1', { pcrs: new Map([...goodPcrs(), [-1, pcr(1)]]) }, /no such register/],
    ['a register by name', field('pcrs', cborMap([cborText('0'), cborBytes(pcr(1))])), /no such register/],
    [
      'PCR0 twice',
      field('pcrs', cborMap([cborInteger(0), cborBytes(pcr(1))], [cborInteger(0), cborBytes(pcr(2))])),
      /key 0 twice/,
    ],
    ['a register of 32 bytes', { pcrs: new Map([...goodPcrs(), [5, new Uint8Array(32)]]) }, /PCR5: wrong length/],
    ['a register of 49 bytes', { pcrs: new Map([...goodPcrs(), [5, new Uint8Array(49)]]) }, /PCR5: wrong length/],
    ['registers of indefinite length', field('pcrs', Uint8Array.of(0xbf, 0xff)), /indefinite/],
    ['no certificate', field('certificate', null), /"certificate" is missing/],
    ['an empty certificate', field('certificate', cborBytes(new Uint8Array())), /wrong length/],
    ['a certificate of 1025 bytes', field('certificate', cborBytes(new Uint8Array(1025))), /wrong length/],
    ['no bundle', field('cabundle', null), /"cabundle" is missing/],
    ['an empty bundle', field('cabundle', cborArray()), /wrong number of items/],
    [
      'a bundle of nine',
      field('cabundle', cborArray(...Array.from({ length: 9 }, () => certificate))),
      /wrong number of items/,
    ],
    ['a bundle that is no array', field('cabundle', certificate), /CBOR array/],
    ['user data of 513 bytes', field('user_data', cborBytes(new Uint8Array(513))), /user_data: wrong length/],
    ['user data as text', field('user_data', cborText('hello')), /byte string/],
    ['a nonce of 513 bytes', field('nonce', cborBytes(new Uint8Array(513))), /nonce: wrong length/],
    ['a public key of 1025 bytes', field('public_key', cborBytes(new Uint8Array(1025))), /public_key: wrong length/],
    ['an empty public key', field('public_key', cborBytes(new Uint8Array())), /public_key: wrong length/],
    ['undefined instead of null', field('nonce', Uint8Array.of(0xf7)), /simple value 23/],
    ['ten thousand nested tags', field('nonce', concatBytes(new Uint8Array(10_000).fill(0xd2), CBOR_NULL)), /tag 18/],
    ['deep nesting', field('nonce', new Uint8Array(10_000).fill(0x81)), /deeper than 2/],
    [
      '4 GB declared',
      field('nonce', concatBytes(Uint8Array.of(0x5a), cborHead(4, 0xffff_ffff).slice(1))),
      /ends early/,
    ],
  ];
  for (const [name, changes, reason] of refused) {
    promise('P7', `nitro.format refuses ${name}`, () => {
      const run = malformed(changes);
      expect(run).toThrow(MalformedEvidenceError);
      expect(run).toThrow(expect.objectContaining({ check: 'nitro.format' }));
      expect(run).toThrow(reason);
    });
  }

  const outer: readonly [name: string, bytes: Uint8Array<ArrayBuffer>, reason: RegExp][] = [
    ['nothing', new Uint8Array(), /ends early/],
    ['a byte after the end', concatBytes(GOOD, Uint8Array.of(0)), /bytes after the end/],
    ['the last byte missing', GOOD.slice(0, -1), /ends early/],
    ['another tag', cborTag(17, GOOD), /tag 17/],
    ['the tag twice', cborTag(18, cborTag(18, GOOD)), /deeper than 3/],
    ['three members', concatBytes(Uint8Array.of(0x83), GOOD.slice(1, -98)), /wrong number of items/],
    ['five members', concatBytes(Uint8Array.of(0x85), GOOD.slice(1), CBOR_NULL), /wrong number of items/],
    [
      'an array of indefinite length',
      concatBytes(Uint8Array.of(0x9f), GOOD.slice(1), Uint8Array.of(0xff)),
      /indefinite/,
    ],
    ['more than 16 kB', concatBytes(GOOD, new Uint8Array(16_384)), /longer than/],
  ];
  for (const [name, bytes, reason] of outer) {
    promise('P7', `nitro.format refuses a document with ${name}`, () => {
      expect(() => parseNitroDocument(bytes)).toThrow(MalformedEvidenceError);
      expect(() => parseNitroDocument(bytes)).toThrow(reason);
    });
  }
});

describe("dstack's container", () => {
  const good = containDstack(GOOD);
  const changed = (change: (bytes: Uint8Array<ArrayBuffer>) => void): Uint8Array<ArrayBuffer> => {
    const bytes = Uint8Array.from(good);
    change(bytes);
    return bytes;
  };
  const eventsAt = 4 + GOOD.length;
  const big = Uint8Array.of(0, 2, 3, 0xff, 0xff, 0xff, 0xff);
  const refused: readonly [name: string, bytes: Uint8Array<ArrayBuffer>, reason: RegExp][] = [
    ['report data that is not signed', containDstack(GOOD, new Uint8Array(64).fill(8)), /not the user data/],
    ['a document without user data', containDstack(forgeNitro(field('user_data', CBOR_NULL))), /not the user data/],
    [
      'user data of another length',
      containDstack(forgeNitro({ userData: new Uint8Array(63).fill(7) })),
      /not the user data/,
    ],
    ['a byte after the end', concatBytes(good, Uint8Array.of(0)), /bytes after its end/],
    ['the last byte missing', good.slice(0, -1), /ends early/],
    ['nothing but its head', good.slice(0, 2), /ends early/],
    ['another kind of quote', changed((bytes) => bytes.set([3], 1)), /COSE_Sign1|CBOR|whole/],
    ['a length one too large', changed((bytes) => bytes.set([(bytes[2] ?? 0) + 4], 2)), /./],
    [
      'a length not in its shortest form',
      concatBytes(good.slice(0, eventsAt), Uint8Array.of(0x05, 0x00), good.slice(eventsAt + 1)),
      /shortest form/,
    ],
    [
      'a length in four bytes that fits two',
      concatBytes(good.slice(0, eventsAt), Uint8Array.of(0x06, 0, 0, 0), good.slice(eventsAt + 1)),
      /shortest form/,
    ],
    ['a huge length', big, /larger than any such file/],
    ['1 GB declared', Uint8Array.of(0, 2, 0xfe, 0xff, 0xff, 0xff), /ends early/],
    [
      'a million events',
      concatBytes(good.slice(0, eventsAt), Uint8Array.of(0x02, 0x09, 0x3d, 0x00), new Uint8Array(900_000)),
      /more than 1000/,
    ],
  ];
  for (const [name, bytes, reason] of refused) {
    promise('P7', `nitro.format refuses a container with ${name}`, () => {
      expect(() => parseNitroDocument(bytes)).toThrow(MalformedEvidenceError);
      expect(() => parseNitroDocument(bytes)).toThrow(reason);
    });
  }
});

describe('any bytes', () => {
  const survives = (bytes: Uint8Array<ArrayBuffer>): void => {
    isNitroDocument(bytes);
    try {
      parseNitroDocument(bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(MalformedEvidenceError);
    }
  };

  promise('P7', 'give a document or a refusal', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(0, 2, 4, 8, 90), (noise, keep) => {
        survives(concatBytes(GOOD.slice(0, keep), noise));
        survives(concatBytes(Uint8Array.of(0, 2), noise));
      }),
      { numRuns: 1000 },
    );
  });

  promise('P7', 'give a document or a refusal where they replace a part of a good one', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 20 }), fc.nat(GOOD.length - 20), (noise, at) => {
        const bytes = Uint8Array.from(GOOD);
        bytes.set(noise, at);
        survives(bytes);
        survives(containDstack(bytes));
      }),
      { numRuns: 1000 },
    );
  });
});
