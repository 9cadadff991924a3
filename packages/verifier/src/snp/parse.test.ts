import { MalformedEvidenceError } from '@vitrine/documents';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { missingVectors, readVector } from '../../../../test/vectors.ts';
import { isSnpReport, parseSnpReport, REPORT_BYTES, type SnpReport } from './parse.ts';
import { processorOf, tcbArcs, tcbParts } from './product.ts';

/** A report of `version` in which nothing is set that need not be. */
function blank(version: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(REPORT_BYTES);
  bytes.set([version]);
  bytes.set([1], 0x34);
  return bytes;
}

const at = (version: number, offset: number, value = 1): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(blank(version).with(offset, value));

describe('reports that are none', () => {
  const bad: readonly [name: string, bytes: Uint8Array<ArrayBuffer>][] = [
    ['nothing', new Uint8Array()],
    ['a byte too few', blank(5).subarray(1)],
    ['a byte too many', Uint8Array.of(...blank(5), 0)],
    ['without its signature', blank(5).subarray(0, 0x2a0)],
    ...[0, 1, 6, 255].map((version): [string, Uint8Array<ArrayBuffer>] => [`of version ${version}`, blank(version)]),
    ['of version 2 in its low half', at(2, 2)],
    ['of another algorithm', at(5, 0x34, 2)],
    ['of an algorithm with a high half', at(5, 0x37)],
    ...[2, 3, 4, 5, 6].map((key): [string, Uint8Array<ArrayBuffer>] => [`by key ${key}`, at(5, 0x48, key << 2)]),
    ['with signer information bit 5', at(5, 0x48, 0x20)],
    ['with signer information bit 31', at(5, 0x4b, 0x80)],
    ['with 0x4c set', at(5, 0x4c)],
    ['with 0x4f set', at(5, 0x4f)],
    ...[0x188, 0x18a].map((offset): [string, Uint8Array<ArrayBuffer>] => [
      `with CPUID 0x${offset.toString(16)} before version 3`,
      at(2, offset),
    ]),
    ...[0x18b, 0x19f, 0x1eb, 0x1ef].map((offset): [string, Uint8Array<ArrayBuffer>] => [
      `with 0x${offset.toString(16)} set`,
      at(5, offset),
    ]),
    ...[2, 3, 4].flatMap((version) =>
      [0x1f8, 0x200, 0x207].map((offset): [string, Uint8Array<ArrayBuffer>] => [
        `with mitigations 0x${offset.toString(16)} in version ${version}`,
        at(version, offset),
      ]),
    ),
    ...[0x208, 0x29f, 0x2d0, 0x2e7, 0x318, REPORT_BYTES - 1].map((offset): [string, Uint8Array<ArrayBuffer>] => [
      `with 0x${offset.toString(16)} set`,
      at(5, offset),
    ]),
  ];
  for (const [name, bytes] of bad) {
    promise('P7', `${name} is malformed`, () => {
      expect(() => parseSnpReport(bytes)).toThrow(expect.objectContaining({ check: 'snp.format' }));
      expect(() => parseSnpReport(bytes)).toThrow(MalformedEvidenceError);
    });
  }
});

describe('reports', () => {
  for (const version of [2, 3, 4, 5]) {
    test(`of version ${version} are read`, () => {
      expect(parseSnpReport(blank(version))).toMatchObject({ version, signer: 'vcek', maskChipKey: false });
      expect(parseSnpReport(blank(version)).cpuid === undefined).toBe(version < 3);
      expect(parseSnpReport(blank(version)).mitigations === undefined).toBe(version < 5);
    });
  }

  promise('P7', 'every bit of a report is either read or must be zero', () => {
    const good = parseSnpReport(blank(5));
    for (let bit = 0; bit < REPORT_BYTES * 8; bit++) {
      const bytes = blank(5);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const changed = valueOrMalformed(() => parseSnpReport(bytes));
      if (changed !== undefined) expect(shown(changed)).not.toBe(shown(good));
    }
  });

  promise('P7', 'any bytes give a report or MalformedEvidenceError', () => {
    const near = fc
      .tuple(
        fc.integer({ min: 0, max: 8 }),
        fc.array(fc.tuple(fc.nat(REPORT_BYTES - 1), fc.nat(255)), { maxLength: 4 }),
      )
      .map(([version, changes]) =>
        changes.reduce((bytes, [offset, value]) => bytes.with(offset, value), blank(version)),
      );
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 2000 }), near), (bytes) => {
        valueOrMalformed(() => parseSnpReport(Uint8Array.from(bytes)));
      }),
      { numRuns: 1000 },
    );
  });

  promise.unless(missingVectors, 'P7', 'real ones are recognised, and TDX quotes are not', () => {
    expect(isSnpReport(readVector('snp/oak-genoa_oc.report.bin'))).toBe(true);
    expect(isSnpReport(readVector('snp/google-milan.report.bin'))).toBe(true);
    expect(isSnpReport(readVector('tdx/phala-tdx-v4-a.quote'))).toBe(false);
    expect(isSnpReport(readVector('tdx/phala-tdx-v4-a.quote').subarray(0, REPORT_BYTES))).toBe(false);
    expect(isSnpReport(readVector('nitro/evervault-beta-valid.cose').subarray(0, REPORT_BYTES))).toBe(false);
  });

  test('of an unknown version are recognised, so that they are refused by name', () => {
    expect(isSnpReport(blank(9))).toBe(true);
    expect(isSnpReport(blank(0))).toBe(false);
    expect(isSnpReport(blank(5).subarray(1))).toBe(false);
  });
});

describe('products', () => {
  const models: readonly [family: number, model: number, processor: string | undefined][] = [
    [0x19, 0x00, 'Milan'],
    [0x19, 0x0f, 'Milan'],
    [0x19, 0x10, 'Genoa'],
    [0x19, 0x1f, 'Genoa'],
    [0x19, 0x20, undefined],
    [0x19, 0x9f, undefined],
    [0x19, 0xa0, 'Bergamo'],
    [0x19, 0xaf, 'Bergamo'],
    [0x19, 0xb0, undefined],
    [0x1a, 0x00, 'Turin'],
    [0x1a, 0x11, 'Turin'],
    [0x1a, 0x12, undefined],
    [0x17, 0x31, undefined],
  ];
  for (const [family, model, processor] of models) {
    test(`family ${family.toString(16)}h model ${model.toString(16)}h is ${processor ?? 'unknown'}`, () => {
      expect(processorOf({ family, model, stepping: 0 })?.processor).toBe(processor);
    });
  }

  test('their TCB versions have different layouts', () => {
    const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    expect(tcbParts('Genoa', bytes)).toEqual([
      ['bootloader', 1],
      ['tee', 2],
      ['snp', 7],
      ['microcode', 8],
    ]);
    expect(tcbParts('Turin', bytes)).toEqual([
      ['fmc', 1],
      ['bootloader', 2],
      ['tee', 3],
      ['snp', 4],
      ['microcode', 8],
    ]);
    expect(tcbArcs('Milan')).toEqual(tcbArcs('Genoa'));
    expect(tcbArcs('Turin')[0]).toBe(9);
  });
});

function valueOrMalformed<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedEvidenceError);
    return undefined;
  }
}

/** Everything but the bytes that are signed. */
function shown({ signed: _, ...report }: SnpReport): string {
  return JSON.stringify(report, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString(16) : value));
}
