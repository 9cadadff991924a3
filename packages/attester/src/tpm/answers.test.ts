/** Answers, byte by byte: what is well-formed is read, and anything else is the hardware's failure. */
import { concatBytes, fromHex, toHex, VitrineError } from '@vitrine/documents';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import {
  parseAttest,
  parseBuffer,
  parseCounter,
  parseCreate,
  parseCreatePrimary,
  parseHandles,
  parseLoad,
  parseNvReadPublic,
  parsePcrBanks,
  parsePcrRead,
  parseProperties,
  parseQuote,
  parseVerifySignature,
  showManufacturer,
} from './answers.ts';
import { emptyPassword, parseAnswer, type TpmCommand } from './run-command.ts';
import { sessionOf } from './session.ts';
import {
  type EccTemplate,
  eccPublicArea,
  ecdsaSignature,
  nameOf,
  nvPublicArea,
  parseEccPublic,
  pcrSelection,
} from './structures.ts';
import { type Bytes, sized, u16, u32, u64 } from './wire.ts';

const bytes = (digits: string): Bytes => fromHex(digits.replaceAll(' ', '')) ?? new Uint8Array(0);
const filled = (length: number, value: number): Bytes => new Uint8Array(length).fill(value);

const TEMPLATE: EccTemplate = { attributes: 0x0005_0472, symmetric: u16(0x10), scheme: bytes('0018 000b') };
const XY = concatBytes(filled(32, 1), filled(32, 2));
const AREA = eccPublicArea(TEMPLATE, XY);
const CREATION = concatBytes(sized(filled(55, 9)), sized(filled(32, 8)), bytes('8021 40000001'), sized(filled(32, 7)));
const NV_AREA = nvPublicArea({ index: 0x0180_0002, attributes: 0x2204_0014, size: 8 });
const SIGNATURE = ecdsaSignature(XY);
const ATTEST = concatBytes(
  bytes('ff544347 8018'),
  sized(filled(34, 3)),
  sized(filled(32, 4)),
  filled(25, 0),
  pcrSelection(0x0b, [0, 14]),
  sized(filled(32, 5)),
);

/** Name, well-formed bytes, parser. */
const PARSERS: readonly [what: string, good: Bytes, parse: (input: Uint8Array) => unknown][] = [
  ['CreatePrimary', concatBytes(sized(AREA), CREATION, sized(nameOf(AREA))), (b) => parseCreatePrimary(b, TEMPLATE)],
  ['Create', concatBytes(sized(filled(40, 1)), sized(filled(50, 2)), CREATION), parseCreate],
  ['Load', sized(nameOf(AREA)), (b) => parseLoad(b, AREA)],
  ['VerifySignature', concatBytes(bytes('8022 40000001'), sized(filled(32, 7))), parseVerifySignature],
  ['Unseal', sized(filled(32, 6)), (b) => parseBuffer('TPM2_Unseal', b, 32)],
  [
    'PCR_Read',
    concatBytes(u32(21), pcrSelection(0x0b, [1, 2]), u32(2), sized(filled(32, 1)), sized(filled(32, 2))),
    parsePcrRead,
  ],
  ['Quote', concatBytes(sized(ATTEST), SIGNATURE), parseQuote],
  ['an attestation', ATTEST, parseAttest],
  ['NV_ReadPublic', concatBytes(sized(NV_AREA), sized(nameOf(NV_AREA))), parseNvReadPublic],
  ['NV_Read of a counter', sized(u64(3n)), parseCounter],
  ['handles', concatBytes(bytes('00 00000001'), u32(1), u32(0x8000_0000)), parseHandles],
  ['banks', concatBytes(bytes('01 00000005'), pcrSelection(0x0b, [0])), parsePcrBanks],
  ['properties', concatBytes(bytes('00 00000006'), u32(1), u32(0x105), u32(0x4942_4d00)), parseProperties],
  ['a public area', AREA, (b) => parseEccPublic(Uint8Array.from(b), TEMPLATE)],
];

const failure = expect.objectContaining({ code: 'attester.hardware' });

/** Whether it failed as it should; anything else is thrown. */
function isRefused(parse: (input: Uint8Array) => unknown, input: Uint8Array): boolean {
  try {
    parse(input);
    return false;
  } catch (error) {
    expect(error).toBeInstanceOf(VitrineError);
    expect(error).toEqual(failure);
    return true;
  }
}

describe.each(PARSERS)('%s', (_, good, parse) => {
  test('is read', () => {
    expect(parse(good)).toBeDefined();
  });

  promise('P3', 'is refused when it is cut short anywhere, or a byte follows', () => {
    for (let length = 0; length < good.length; length++) {
      expect(isRefused(parse, good.subarray(0, length)), `${length} bytes`).toBe(true);
    }
    expect(isRefused(parse, concatBytes(good, Uint8Array.of(0)))).toBe(true);
  });

  promise('P3', 'any bytes give a value or the failure', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (input) => void isRefused(parse, input)));
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (place, value) => {
        const changed = Uint8Array.from(good);
        changed[place] = value;
        isRefused(parse, changed);
      }),
    );
  });
});

describe('what is well-formed and not what was asked for', () => {
  const refused: readonly [what: string, run: () => unknown, says: RegExp][] = [
    ['a key of another template', () => parseEccPublic(AREA, { ...TEMPLATE, attributes: 0x0004_0472 }), /template/],
    [
      'a name of another key',
      () => parseCreatePrimary(concatBytes(sized(AREA), CREATION, sized(nameOf(filled(9, 9)))), TEMPLATE),
      /name is not that/,
    ],
    ['a name of another object', () => parseLoad(sized(nameOf(AREA)), filled(9, 9)), /name is not that/],
    [
      'a ticket for something else',
      () => parseVerifySignature(concatBytes(bytes('8021 40000001'), sized(filled(32, 7)))),
      /expected 0x8022, found 0x8021/,
    ],
    ['fewer bytes than asked for', () => parseBuffer('TPM2_Unseal', sized(filled(31, 6)), 32), /31 bytes where 32/],
    ['more bytes than asked for', () => parseBuffer('TPM2_Unseal', sized(filled(33, 6)), 32), /at most 32/],
    ['bytes that the TPM did not make', () => parseAttest(concatBytes(bytes('ff544348'), ATTEST.subarray(4))), /signs/],
    ['a time instead of a quote', () => parseAttest(concatBytes(bytes('ff5443478019'), ATTEST.subarray(6))), /type/],
    [
      'an RSA signature',
      () => parseQuote(concatBytes(sized(ATTEST), bytes('0014'), SIGNATURE.subarray(2))),
      /not ECDSA with SHA-256/,
    ],
    [
      'a name of another index',
      () => parseNvReadPublic(concatBytes(sized(NV_AREA), sized(nameOf(AREA)))),
      /name is not that/,
    ],
    ['another capability', () => parseHandles(concatBytes(bytes('00 00000005'), u32(0))), /capability/],
    ['a list without end', () => parseHandles(concatBytes(bytes('00 00000001'), u32(257))), /257 values/],
    ['selections without end', () => parsePcrBanks(concatBytes(bytes('00 00000005'), u32(17))), /17 selections/],
  ];
  for (const [what, run, says] of refused) {
    test(what, () => {
      expect(run).toThrow(says);
      expect(run).toThrow(VitrineError);
    });
  }
});

test('coordinates without their leading zeros are the same numbers', () => {
  const prefix = AREA.subarray(0, AREA.length - 68);
  const short = concatBytes(prefix, sized(filled(31, 1)), sized(filled(1, 2)));
  expect(toHex(parseEccPublic(short, TEMPLATE).xy)).toBe(`00${'01'.repeat(31)}${'00'.repeat(31)}02`);
});

test('registers are selected by their bit', () => {
  expect(toHex(pcrSelection(0x0b, [0, 9, 14, 23]))).toBe('00000001000b03014280');
  expect(parsePcrBanks(concatBytes(bytes('00 00000005'), pcrSelection(0x0b, [0, 9, 14, 23])))).toEqual([
    { bank: 0x0b, indexes: [0, 9, 14, 23] },
  ]);
});

test('a maker is shown by its characters, and only by those that can be shown', () => {
  expect(showManufacturer(0x4942_4d00)).toBe('IBM');
  expect(showManufacturer(0x1b5b_324a)).toBe('[2J');
});

describe('an answer', () => {
  const command: TpmCommand = { what: 'TPM2_Test', code: 0x15e, handles: [], parameters: new Uint8Array(0) };
  const withPassword = bytes('8002 00000015 00000000 00000002 abcd 0000 01 0000');

  test('without and with a password is taken apart', () => {
    expect(parseAnswer(bytes('8001 0000000c 00000000 abcd'), command).parameters).toEqual(bytes('abcd'));
    expect(parseAnswer(withPassword, command, emptyPassword).parameters).toEqual(bytes('abcd'));
    expect(parseAnswer(bytes('8001 00000010 00000000 80000001 abcd'), { ...command, answersHandle: true })).toEqual({
      handle: 0x8000_0001,
      parameters: bytes('abcd'),
    });
  });

  promise('P7', 'a refusal is told by name and number', () => {
    const refusal = (code: string): (() => unknown) => {
      return () => parseAnswer(bytes(`8001 0000000a ${code}`), command, emptyPassword);
    };
    expect(refusal('0000099d')).toThrow('the TPM refused TPM2_Test with 0x99D TPM_RC_POLICY_FAIL');
    expect(refusal('0000098e')).toThrow('0x98E TPM_RC_AUTH_FAIL');
    expect(refusal('000001df')).toThrow('0x1DF TPM_RC_INTEGRITY');
    expect(refusal('00000921')).toThrow('0x921 TPM_RC_LOCKOUT');
    expect(refusal('00000101')).toThrow('0x101 TPM_RC_FAILURE');
    expect(refusal('00000100')).toThrow('0x100 TPM_RC_INITIALIZE');
    expect(refusal('00000149')).toThrow('0x149 TPM_RC_NV_AUTHORIZATION');
    expect(refusal('0000014b')).toThrow('0x14B TPM_RC_NV_SPACE');
    expect(refusal('00000128')).toThrow('0x128 TPM_RC_PCR_CHANGED');
    expect(refusal('00000902')).toThrow('0x902 TPM_RC_OBJECT_MEMORY');
    expect(refusal('000001bf')).toThrow('response code 0x1BF');
  });

  const garbled: readonly [what: string, answer: Bytes][] = [
    ['one without a session where one was used', bytes('8001 0000000c 00000000 abcd')],
    ['a byte after it', concatBytes(bytes('8002 00000016'), withPassword.subarray(6), bytes('00'))],
    ['parameters longer than itself', bytes('8002 00000015 00000000 00000020 abcd 0000 01 0000')],
    ['a password with an HMAC', bytes('8002 00000016 00000000 00000002 abcd 0000 01 0001 00')],
    ['a refusal with a session', bytes('8002 0000000a 0000099d')],
    ['a refusal with more behind it', bytes('8001 0000000b 0000099d 00')],
  ];
  for (const [what, answer] of garbled) {
    test(`is refused: ${what}`, () => {
      expect(() => parseAnswer(answer, command, emptyPassword)).toThrow(failure);
    });
  }

  promise('P4', 'without the HMAC of its session is refused', () => {
    const session = sessionOf(0x0200_0000, filled(32, 1), filled(32, 2));
    const answer = concatBytes(
      bytes('8002 00000055 00000000 00000002 abcd'),
      sized(filled(32, 3)),
      bytes('01'),
      sized(filled(32, 4)),
    );
    const use = session.use();
    use.authorize(command);
    expect(() => parseAnswer(answer, command, use)).toThrow(/its HMAC is not that of the session/);
  });

  promise('P3', 'any bytes give an answer or an error of ours', () => {
    for (const authorization of [undefined, emptyPassword]) {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 60 }), (input) => {
          try {
            parseAnswer(input, command, authorization);
          } catch (error) {
            expect(error).toBeInstanceOf(VitrineError);
          }
        }),
      );
    }
  });
});
