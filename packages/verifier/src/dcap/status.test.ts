/**
 * Levels, identities and statuses by themselves: values on both sides of each limit, what a policy's
 * grace forgives and which advisories it leaves open, and what a refusal names.
 *
 * @module
 */
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { POLICY } from '../testing/forged.ts';
import { judgeStatus, type Tcb } from './judge-status.ts';
import { chooseLevel, highestLevel } from './levels.ts';
import type { FirmwarePolicy } from './policy.ts';
import { masked, matchQeIdentity, parseQeIdentity, type QeIdentity } from './qe-identity.ts';
import type { TcbInfo, TcbLevel } from './tcb-info.ts';
import { refuseRepeated } from './tcb-status.ts';

const NOW = new Date('2026-06-15T12:00:00Z');
const date = (text: string): Date => new Date(text);

describe('the level of a platform', () => {
  const component = (svn: number, type = '') => ({ svn, category: '', type });
  const level = (svn: number, pceSvn: number, tdx: readonly number[] = []): TcbLevel =>
    ({
      sgx: [component(svn, 'microcode'), component(0)],
      pceSvn,
      tdx: tdx.map((one) => component(one)),
      date: NOW,
      status: 'UpToDate',
      advisoryIds: [],
    }) as TcbLevel;
  const info = (...levels: readonly TcbLevel[]): TcbInfo => ({ levels }) as unknown as TcbInfo;
  const [low, middle, high] = [level(1, 5), level(1, 7), level(2, 0)];

  promise('P7', 'is the highest that it reaches in every component', () => {
    const all = info(low, high, middle);
    const chosen = (svn: number, pceSvn: number) => chooseLevel(all, { sgx: [svn, 0], pceSvn, tdx: undefined }).level;
    expect(chosen(1, 5)).toBe(low);
    expect(chosen(1, 6)).toBe(low);
    expect(chosen(1, 7)).toBe(middle);
    expect(chosen(2, 0)).toBe(high);
    expect(chosen(9, 9)).toBe(high);
  });

  promise('P7', 'below the lowest is named with what is missing', () => {
    expect(chooseLevel(info(low, middle), { sgx: [0, 0], pceSvn: 5, tdx: undefined })).toEqual({
      level: undefined,
      reason: 'no TCB level matches: CPUSVN component 0 (microcode) is 0 and even the lowest level asks 1',
      difference: { expected: 'CPUSVN component 0 (microcode) of at least 1', actual: '0' },
    });
    expect(chooseLevel(info(low), { sgx: [1, 0], pceSvn: 4, tdx: undefined })).toMatchObject({
      difference: { expected: 'PCESVN of at least 5', actual: '4' },
    });
    expect(chooseLevel(info(), { sgx: [1, 0], pceSvn: 4, tdx: undefined })).toMatchObject({
      reason: 'no TCB level matches',
    });
  });

  promise('P7', 'is not reached by a component that is not there', () => {
    expect(chooseLevel(info(low), { sgx: [1], pceSvn: 5, tdx: undefined })).toMatchObject({
      difference: { expected: 'CPUSVN component 1 of at least 0', actual: '-1' },
    });
  });

  promise('P7', 'counts the first two TDX components only of a module without a major version', () => {
    const tdx = info(level(1, 5, [3, 0, 4]));
    const reached = (...svns: readonly number[]) =>
      chooseLevel(tdx, { sgx: [1, 0], pceSvn: 5, tdx: svns }).level !== undefined;
    expect(reached(3, 0, 4)).toBe(true);
    expect(reached(2, 0, 4)).toBe(false);
    expect(reached(2, 1, 4)).toBe(true);
    expect(reached(2, 1, 3)).toBe(false);
    expect(chooseLevel(tdx, { sgx: [1, 0], pceSvn: 5, tdx: undefined }).level).toBeDefined();
  });

  promise('P7', 'above which there is none is found wherever it stands', () => {
    for (const levels of [
      [low, middle, high],
      [high, middle, low],
      [middle, high, low],
    ]) {
      expect(highestLevel(info(...levels))).toBe(high);
    }
    const twin = level(2, 0);
    expect(highestLevel(info(high, twin))).toBe(high);
    expect(() => highestLevel(info())).toThrow('TCB info has no levels');
  });
});

describe('the status', () => {
  const part = (status: Tcb['status'], when: string, ...advisoryIds: readonly string[]) => ({
    status,
    date: date(when),
    advisoryIds,
  });
  const tcb = (status: Tcb['status'], ...levels: Tcb['levels']): Tcb => ({
    status,
    levels,
    advisoryIds: levels.flatMap(({ advisoryIds }) => advisoryIds),
    evaluation: 1,
  });
  const judge = (found: Tcb | undefined, changes: Partial<FirmwarePolicy> = {}) =>
    judgeStatus('tdx.tcb-status', { level: {} as TcbLevel }, found, { ...POLICY, ...changes }, NOW);

  promise('P7', 'needs a level', () => {
    const none = { level: undefined, reason: 'no level at all', difference: { actual: 'PCESVN 4' } } as const;
    const good = tcb('UpToDate', part('UpToDate', '2026-01-01'));
    for (const found of [undefined, good]) {
      expect(judgeStatus('tdx.tcb-status', none, found, POLICY, NOW)).toMatchObject({
        status: 'failed',
        message: 'No level at all.',
        expected: 'UpToDate',
        actual: 'PCESVN 4',
      });
    }
    expect(judge(undefined)).toMatchObject({
      status: 'failed',
      message: 'No TCB level matches.',
      expected: 'UpToDate',
      actual: 'no TCB level',
    });
  });

  promise('P7', 'is as old as its oldest part, wherever that stands', () => {
    const least = { minimumTcbDate: '2026-01-02T00:00:00Z' };
    const [old, new_] = [part('UpToDate', '2026-01-01T00:00:00Z'), part('UpToDate', '2026-03-01T00:00:00Z')];
    for (const levels of [
      [old, new_],
      [new_, old],
    ]) {
      expect(judge(tcb('UpToDate', ...levels), least)).toMatchObject({
        status: 'failed',
        expected: 'tcbDate of at least 2026-01-02T00:00:00Z',
        actual: 'tcbDate 2026-01-01T00:00:00.000Z',
      });
    }
    expect(judge(tcb('UpToDate', part('UpToDate', '2026-01-02T00:00:00Z')), least).status).toBe('passed');
    expect(judge(tcb('UpToDate'), least)).toMatchObject({
      status: 'failed',
      actual: 'tcbDate 1970-01-01T00:00:00.000Z',
    });
  });

  promise('P7', 'that is outdated is forgiven from the oldest outdated part on', () => {
    const first = part('OutOfDate', '2026-06-01T00:00:00Z');
    const second = part('OutOfDate', '2026-06-10T00:00:00Z');
    for (const levels of [
      [first, second],
      [second, first],
    ]) {
      const outdated = tcb('OutOfDate', ...levels, part('UpToDate', '2026-05-01T00:00:00Z'));
      expect(judge(outdated, { grace: { days: 15 } }).status).toBe('passed');
      expect(judge(outdated, { grace: { days: 14 } }).status).toBe('failed');
    }
    expect(judge(tcb('OutOfDate', part('UpToDate', '2026-06-01T00:00:00Z')), { grace: { days: 15 } }).status).toBe(
      'failed',
    );
  });

  promise('P7', 'that nothing makes good is not forgiven', () => {
    const revoked = tcb('Revoked', part('OutOfDate', '2026-06-10T00:00:00Z'), part('Revoked', '2026-06-10T00:00:00Z'));
    expect(judge(revoked, { grace: { days: 15 } })).toMatchObject({ status: 'failed', actual: 'Revoked' });
    const outdated = tcb('OutOfDateConfigurationNeeded', part('OutOfDate', '2026-06-10T00:00:00Z'));
    expect(judge(outdated, { grace: { days: 15 } }).status).toBe('failed');
    expect(judge(outdated, { grace: { days: 15 }, tcbStatus: ['ConfigurationNeeded'] }).status).toBe('passed');
  });

  promise('P7', 'that is forgiven leaves the advisories of the parts that are not outdated', () => {
    const outdated = tcb(
      'OutOfDate',
      part('OutOfDate', '2026-06-10T00:00:00Z', 'INTEL-SA-1'),
      part('UpToDate', '2026-05-01T00:00:00Z', 'INTEL-SA-2'),
    );
    expect(judge(outdated, { grace: { days: 15 } })).toMatchObject({
      status: 'failed',
      expected: 'advisories: none',
      actual: 'OutOfDate (INTEL-SA-1, INTEL-SA-2)',
      message: 'The policy accepts OutOfDate, but not these advisories against it: INTEL-SA-2.',
    });
    expect(judge(outdated, { grace: { days: 15 }, advisories: ['INTEL-SA-2'] }).status).toBe('passed');
    expect(judge(outdated, { grace: { days: 15 }, advisories: ['INTEL-SA-1', 'INTEL-SA-3'] })).toMatchObject({
      status: 'failed',
      expected: 'advisories: INTEL-SA-1, INTEL-SA-3',
    });
    expect(judge(outdated, { grace: { days: 15 }, advisories: 'any' }).status).toBe('passed');
  });

  promise('P7', 'that is up to date has no advisories against it', () => {
    const named = [part('UpToDate', '2026-05-01T00:00:00Z', 'INTEL-SA-2')] as const;
    expect(judge(tcb('UpToDate', ...named))).toMatchObject({ status: 'passed', actual: 'UpToDate (INTEL-SA-2)' });
    const hardening = tcb('SWHardeningNeeded', ...named);
    expect(judge(hardening, { tcbStatus: ['UpToDate', 'SWHardeningNeeded'] })).toMatchObject({ status: 'failed' });
  });
});

describe('the quoting enclave', () => {
  const IDENTITY: QeIdentity = {
    id: 'TD_QE',
    issueDate: NOW,
    nextUpdate: NOW,
    tcbEvaluationDataNumber: 1,
    miscSelect: '00000000',
    miscSelectMask: 'ffffffff',
    attributes: '1100000000000000',
    attributesMask: 'fbffffffffffffff',
    mrsigner: 'dc'.repeat(32),
    isvProdId: 2,
    levels: [3, 5].map((isvSvn) => ({ isvSvn, status: 'UpToDate', date: NOW, advisoryIds: [] })),
  };
  const REPORT = {
    debug: false,
    mrsigner: IDENTITY.mrsigner,
    isvProdId: 2,
    isvSvn: 4,
    miscSelect: '00000000',
    attributes: '1500000000000000',
  } as Parameters<typeof matchQeIdentity>[0];

  promise('P7', 'reaches the highest level at or below its version', () => {
    expect(matchQeIdentity(REPORT, IDENTITY).isvSvn).toBe(3);
    expect(matchQeIdentity({ ...REPORT, isvSvn: 5 }, IDENTITY).isvSvn).toBe(5);
    expect(() => matchQeIdentity({ ...REPORT, isvSvn: 2 }, IDENTITY)).toThrow(
      expect.objectContaining({ difference: { expected: 'ISVSVN of at least 3', actual: '2' } }) as Error,
    );
  });

  for (const [what, change, difference] of [
    ['ISVPRODID', { isvProdId: 3 }, { expected: '2', actual: '3' }],
    ['MISCSELECT', { miscSelect: '01000000' }, { expected: '00000000', actual: '01000000' }],
    ['ATTRIBUTES', { attributes: '3100000000000000' }, { expected: '1100000000000000', actual: '3100000000000000' }],
  ] as const) {
    promise('P7', `of another ${what} is refused with both values under the mask`, () => {
      expect(() => matchQeIdentity({ ...REPORT, ...change }, IDENTITY)).toThrow(
        expect.objectContaining({
          message: `${what} of the quoting enclave differs from its identity`,
          difference,
        }) as Error,
      );
    });
  }

  promise('P7', 'has values and masks of one length', () => {
    expect(masked('ff0f', '0ff0')).toBe('0f00');
    for (const [value, mask] of [
      ['ff', 'ffff'],
      ['ffff', 'ff'],
      ['f', 'ff'],
      ['ff', 'f'],
      ['x', 'y'],
    ] as const) {
      expect(() => masked(value, mask)).toThrow(
        expect.objectContaining({
          message: 'mask and value have different lengths',
          difference: { expected: mask, actual: value },
        }) as Error,
      );
    }
  });
});

promise('P7', 'two entries for one key are refused, and the key is named', () => {
  expect(() => refuseRepeated(['1', '2', '1'], 'levels')).toThrow(
    expect.objectContaining({ difference: { actual: '1' } }) as Error,
  );
  expect(() => refuseRepeated(['1', '2', '3'], 'levels')).not.toThrow();
});

describe('a signed identity', () => {
  const level = (isvsvn: number, ...advisoryIDs: readonly string[]) => ({
    tcb: { isvsvn },
    tcbDate: '2026-01-01T00:00:00Z',
    tcbStatus: 'UpToDate',
    advisoryIDs,
  });
  const read = (changes: object): QeIdentity =>
    parseQeIdentity(
      JSON.stringify({
        id: 'TD_QE',
        version: 2,
        issueDate: '2026-06-01T00:00:00Z',
        nextUpdate: '2026-07-01T00:00:00Z',
        tcbEvaluationDataNumber: 1,
        miscselect: '00000000',
        miscselectMask: 'FFFFFFFF',
        attributes: '11000000000000000000000000000000',
        attributesMask: 'FBFFFFFFFFFFFFFF0000000000000000',
        mrsigner: 'DC'.repeat(32),
        isvprodid: 2,
        tcbLevels: [level(3)],
        ...changes,
      }),
    );

  promise('P7', 'has each version once', () => {
    expect(read({ tcbLevels: [level(3), level(5)] }).levels).toHaveLength(2);
    expect(() => read({ tcbLevels: [level(3), level(5), level(3)] })).toThrow(/two entries for the same key/);
  });

  promise('P7', 'names advisories and nothing else', () => {
    expect(read({ tcbLevels: [level(3, 'INTEL-SA-00837')] }).levels[0]?.advisoryIds).toEqual(['INTEL-SA-00837']);
    for (const id of ['', ' INTEL-SA-1', 'INTEL-SA-1 ', 'intel', 'INTEL-SA-1\n', 'A'.repeat(65)]) {
      expect(() => read({ tcbLevels: [level(3, id)] })).toThrow();
    }
  });

  promise('P7', 'of another version is named with its number', () => {
    expect(() => read({ version: 3 })).toThrow(
      expect.objectContaining({ difference: { expected: '2', actual: '3' } }) as Error,
    );
  });
});
