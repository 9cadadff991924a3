import { forgeCollateral, forgePki } from '@vitrine/simulator/faults';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { NOW } from '../testing/forged.ts';
import { chooseLevel } from './levels.ts';
import { parseTcbInfo, type TcbInfo, type TcbLevel } from './tcb-info.ts';
import { type IdentityStatus, identityLevelOf, type LevelStatus, mergeTcbStatus } from './tcb-status.ts';

const tcbInfo = parseTcbInfo(forgeCollateral(forgePki({ now: NOW })).tcb_info);

describe('merging statuses', () => {
  // Rows: platform. Columns: worst of module and quoting enclave, UpToDate, OutOfDate, Revoked.
  const table: readonly [LevelStatus, LevelStatus, LevelStatus, LevelStatus][] = [
    ['UpToDate', 'UpToDate', 'OutOfDate', 'Revoked'],
    ['SWHardeningNeeded', 'SWHardeningNeeded', 'OutOfDate', 'Revoked'],
    ['ConfigurationNeeded', 'ConfigurationNeeded', 'OutOfDateConfigurationNeeded', 'Revoked'],
    [
      'ConfigurationAndSWHardeningNeeded',
      'ConfigurationAndSWHardeningNeeded',
      'OutOfDateConfigurationNeeded',
      'Revoked',
    ],
    ['OutOfDate', 'OutOfDate', 'OutOfDate', 'Revoked'],
    ['OutOfDateConfigurationNeeded', 'OutOfDateConfigurationNeeded', 'OutOfDateConfigurationNeeded', 'Revoked'],
    ['Revoked', 'Revoked', 'Revoked', 'Revoked'],
  ];
  const columns: readonly IdentityStatus[] = ['UpToDate', 'OutOfDate', 'Revoked'];
  for (const [platform, ...merged] of table) {
    for (const [index, part] of columns.entries()) {
      promise('P7', `${platform} with ${part} is ${merged[index] ?? ''}, whichever part it is`, () => {
        expect(mergeTcbStatus(platform, [part])).toBe(merged[index]);
        expect(mergeTcbStatus(platform, ['UpToDate', part])).toBe(merged[index]);
        expect(mergeTcbStatus(platform, [part, 'UpToDate'])).toBe(merged[index]);
      });
    }
  }

  test('an outdated part does not outweigh a revoked one', () => {
    expect(mergeTcbStatus('UpToDate', ['OutOfDate', 'Revoked'])).toBe('Revoked');
    expect(mergeTcbStatus('UpToDate', [])).toBe('UpToDate');
  });
});

describe('levels of an identity', () => {
  const level = (isvSvn: number) => ({ isvSvn, status: 'UpToDate' as const, date: NOW, advisoryIds: [] });
  const levels = [level(3), level(8), level(5)];
  const cases: readonly [isvSvn: number, expected: number | undefined][] = [
    [2, undefined],
    [3, 3],
    [4, 3],
    [5, 5],
    [7, 5],
    [8, 8],
    [100, 8],
  ];
  for (const [isvSvn, expected] of cases) {
    test(`version ${isvSvn} is on level ${expected ?? 'none'}`, () => {
      expect(identityLevelOf(levels, isvSvn)?.isvSvn).toBe(expected);
    });
  }
});

describe('the level of a platform', () => {
  // Mostly equal, so that levels are reached about as often as missed.
  const svn = fc.oneof({ weight: 30, arbitrary: fc.constant(1) }, fc.integer({ min: 0, max: 2 }));
  const components = fc.array(svn, { minLength: 16, maxLength: 16 });
  const level = fc.record({ sgx: components, pceSvn: svn, tdx: components }).map(
    ({ sgx, pceSvn, tdx }): TcbLevel => ({
      sgx: sgx.map((value) => ({ svn: value, type: '' })),
      pceSvn,
      tdx: tdx.map((value) => ({ svn: value, type: '' })),
      status: 'UpToDate',
      date: NOW,
      advisoryIds: [],
    }),
  );

  const reaches = (
    one: TcbLevel,
    platform: { sgx: readonly number[]; pceSvn: number; tdx: readonly number[] },
  ): boolean =>
    one.sgx.every(({ svn: wanted }, index) => (platform.sgx[index] ?? 0) >= wanted) &&
    platform.pceSvn >= one.pceSvn &&
    one.tdx.every(
      ({ svn: wanted }, index) => ((platform.tdx[1] ?? 0) > 0 && index < 2) || (platform.tdx[index] ?? 0) >= wanted,
    );
  const keyOf = (one: TcbLevel): string =>
    [...one.sgx.map((part) => part.svn), one.pceSvn, ...one.tdx.map((part) => part.svn)]
      .map((value) => String(value))
      .join('');

  promise('P7', 'is the highest that it reaches in every component, in any order of the JSON', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(level, { minLength: 1, maxLength: 6, selector: keyOf }),
        fc.record({ sgx: components, pceSvn: svn, tdx: components }),
        (levels, platform) => {
          const info: TcbInfo = { ...tcbInfo, levels };
          const best = levels
            .filter((one) => reaches(one, platform))
            .sort((left, right) => (keyOf(left) < keyOf(right) ? 1 : -1))[0];
          const choice = chooseLevel(info, platform);
          expect(choice.level).toBe(best);
          expect(chooseLevel({ ...info, levels: levels.toReversed() }, platform).level).toBe(best);
          if (choice.level === undefined) expect(choice.reason).toMatch(/component \d+ is \d|PCESVN is \d/);
        },
      ),
      { numRuns: 500 },
    );
  });

  const module: readonly [name: string, tdx: readonly number[], index: number, reached: boolean][] = [
    ['component 0 does not count with a major version', [6, 1, 8], 0, true],
    ['component 1 does not count with a major version', [6, 1, 8], 1, true],
    ['component 2 counts with a major version', [6, 1, 8], 2, false],
    ['component 0 counts without a major version', [6, 0, 8], 0, false],
    ['component 1 counts without a major version', [6, 0, 8], 1, false],
  ];
  for (const [name, first, index, reached] of module) {
    promise('P7', name, () => {
      const levels = tcbInfo.levels.map((one) => ({ ...one, tdx: one.tdx.with(index, { svn: 200, type: '' }) }));
      const tdx = [...first, ...new Array<number>(13).fill(0)];
      const sgx = tcbInfo.levels[0]?.sgx.map((component) => component.svn) ?? [];
      expect(chooseLevel({ ...tcbInfo, levels }, { sgx, pceSvn: 11, tdx }).level !== undefined).toBe(reached);
    });
  }

  test('a platform that lacks a component reaches no level', () => {
    const platform = { sgx: [8, 8, 2], pceSvn: 11, tdx: [6, 1, 8] };
    expect(chooseLevel(tcbInfo, platform).level).toBeUndefined();
  });
});
