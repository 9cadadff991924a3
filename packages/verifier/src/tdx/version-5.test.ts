import { MalformedEvidenceError } from '@vitrine/documents';
import {
  type BodyDescriptor,
  type ForgedQuoteOptions,
  type TcbInfo,
  type TdBody,
  withBit,
  withModuleIdentities,
  withTcbStatus,
} from '@vitrine/simulator/faults';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type Changes, checkOf, deciding, idsOf, verifyForged } from '../testing/forged.ts';
import type { TdxPolicy } from './policy.ts';
import type { TdxOutcome } from './verify-tdx.ts';

const SERVICE_TD = 'ab'.repeat(48);
const svn = (...bytes: readonly number[]): Uint8Array =>
  Uint8Array.from({ length: 16 }, (_, index) => bytes[index] ?? 0);
const TD_15 = { teeTcbSvn2: svn(6, 1, 8), mrServiceTd: new Uint8Array(48) };

/** A quote of version 5 with a TD 1.5 body, or TD 1.0 where `td15` is not given. */
function version5(
  td15: TdBody['td15'] | undefined,
  body: (good: TdBody) => TdBody = (good) => good,
): ForgedQuoteOptions {
  return {
    header: (good) => ({ ...good, version: 5 }),
    body: (good) => body(td15 === undefined ? good : { ...good, td15 }),
  };
}

describe('quotes of version 5', () => {
  for (const [name, td15] of [
    ['TD 1.0', undefined],
    ['TD 1.5', TD_15],
  ] as const) {
    promise('P7', `with a ${name} body are verified like those of version 4`, async () => {
      const outcome = await verifyForged({ quote: version5(td15) });
      expect(deciding(outcome)).toBeUndefined();
      expect(checkOf(outcome, 'tdx.format').message).toContain(`version 5 with a ${name} body`);
      expect(Object.keys(outcome.claims?.registers ?? {}).includes('mrservicetd')).toBe(td15 !== undefined);
    });
  }

  promise('P7', 'the registers that TD 1.5 adds are in the claims', async () => {
    const { claims } = await verifyForged({ quote: version5(TD_15) });
    expect(claims?.registers).toMatchObject({
      teetcbsvn2: `060108${'00'.repeat(13)}`,
      mrservicetd: '00'.repeat(48),
    });
  });

  const malformed: readonly [name: string, change: (good: BodyDescriptor) => BodyDescriptor, reason: RegExp][] = [
    ['an unknown body type', (good) => ({ ...good, type: 4 }), /body type 4 is not supported; supported: 1, 2, 3/],
    ['body type 0', (good) => ({ ...good, type: 0 }), /body type 0/],
    ['the body type of SGX', (good) => ({ ...good, type: 1 }), /does not belong to TEE type 0x81/],
    ['TD 1.0 with the size of TD 1.5', (good) => ({ ...good, type: 2 }), /has 584 bytes, and the quote says 648/],
    [
      'a size that is one too small',
      (good) => ({ ...good, size: good.size - 1 }),
      /has 648 bytes, and the quote says 647/,
    ],
    ['a size beyond all bounds', (good) => ({ ...good, size: 0xffffffff }), /the quote says 4294967295/],
    ['TD 1.0 in front of a TD 1.5 body', () => ({ type: 2, size: 584 }), /./],
  ];
  for (const [name, bodyDescriptor, reason] of malformed) {
    promise('P7', `${name}: malformed evidence that names tdx.format`, async () => {
      const error: unknown = await verifyForged({ quote: { ...version5(TD_15), bodyDescriptor } }).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(MalformedEvidenceError);
      expect(error).toMatchObject({ check: 'tdx.format', message: expect.stringMatching(reason) as string });
    });
  }
});

describe('service TDs', () => {
  const bound = { ...TD_15, mrServiceTd: Uint8Array.from({ length: 48 }, () => 0xab) };
  const migratable = (good: TdBody): TdBody => ({ ...good, tdAttributes: withBit(good.tdAttributes, 29, true) });

  promise('P7', 'one that the policy does not name: tdx.service-td fails alone', async () => {
    expect(idsOf(await verifyForged({ quote: version5(bound) }), 'failed')).toEqual(['tdx.service-td']);
    const other = await verifyForged({ quote: version5(bound), policy: { serviceTds: ['cd'.repeat(48)] } });
    expect(checkOf(other, 'tdx.service-td')).toMatchObject({
      status: 'failed',
      expected: `${'00'.repeat(48)} or ${'cd'.repeat(48)}`,
      actual: SERVICE_TD,
    });
    const none = await verifyForged({ quote: version5(bound), policy: { serviceTds: 'none' } });
    expect(checkOf(none, 'tdx.service-td')).toMatchObject({ status: 'failed', expected: '00'.repeat(48) });
  });

  promise('P7', 'one that the policy names passes, and with it MIGRATABLE', async () => {
    const policy = { serviceTds: [SERVICE_TD] };
    expect(deciding(await verifyForged({ quote: version5(bound), policy }))).toBeUndefined();
    const outcome = await verifyForged({ quote: version5(bound, migratable), policy });
    expect(deciding(outcome)).toBeUndefined();
    expect(checkOf(outcome, 'tdx.attributes').expected).toMatch(/DEBUG, SEPT_VE_DISABLE, MIGRATABLE, KL/);
  });

  promise('P7', 'MIGRATABLE without that service TD is refused', async () => {
    const policy = { serviceTds: [SERVICE_TD] };
    expect(idsOf(await verifyForged({ quote: version5(TD_15, migratable), policy }), 'failed')).toEqual([
      'tdx.attributes',
    ]);
    expect(idsOf(await verifyForged({ quote: version5(bound, migratable) }), 'failed')).toEqual([
      'tdx.service-td',
      'tdx.attributes',
    ]);
  });

  promise('P7', 'a TD 1.0 body has none, and says so', async () => {
    expect(checkOf(await verifyForged(), 'tdx.service-td')).toMatchObject({
      status: 'passed',
      actual: 'TD 1.0',
      message: expect.stringContaining('TD 1.0') as string,
    });
  });
});

describe('the relaunch rule', () => {
  /** Launched under module TDX_01 at version 4, which is outdated; `now` runs version 6, the newest. */
  const launchedOld = (now: Uint8Array): ForgedQuoteOptions =>
    version5({ ...TD_15, teeTcbSvn2: now }, (good) => ({ ...good, teeTcbSvn: svn(4, 1, 8) }));
  const CASES: readonly [name: string, changes: Changes, status: string][] = [
    ['the running module is the newest', { quote: launchedOld(svn(6, 1, 8)) }, 'TDRelaunchAdvised'],
    ['the running module is newer than any', { quote: launchedOld(svn(7, 1, 9)) }, 'TDRelaunchAdvised'],
    ['the running module has another major version', { quote: launchedOld(svn(3, 3, 8)) }, 'TDRelaunchAdvised'],
    [
      'the running module has no major version and reaches the top',
      { quote: launchedOld(svn(5, 0, 8)) },
      'TDRelaunchAdvised',
    ],
    [
      'the platform needs configuration',
      { quote: launchedOld(svn(6, 1, 8)), collateral: { tcbInfo: withTcbStatus('ConfigurationNeeded') } },
      'TDRelaunchAdvisedConfigurationNeeded',
    ],
    ['the running module is outdated too', { quote: launchedOld(svn(5, 1, 8)) }, 'OutOfDate'],
    ['the running microcode is outdated', { quote: launchedOld(svn(6, 1, 7)) }, 'OutOfDate'],
    ['the running module has an unknown major version', { quote: launchedOld(svn(9, 2, 8)) }, 'OutOfDate'],
    ['the running module without a major version is below the top', { quote: launchedOld(svn(4, 0, 8)) }, 'OutOfDate'],
    [
      'the quoting enclave is outdated too',
      { quote: { ...launchedOld(svn(6, 1, 8)), qeReport: (good) => ({ ...good, isvSvn: 2 }) } },
      'OutOfDate',
    ],
    [
      'the platform itself is outdated',
      { quote: launchedOld(svn(6, 1, 8)), collateral: { tcbInfo: withTcbStatus('OutOfDate') } },
      'OutOfDate',
    ],
    [
      'the module was revoked',
      {
        quote: launchedOld(svn(6, 1, 8)),
        collateral: {
          tcbInfo: withModuleIdentities((good) =>
            good.map((one) => ({
              ...one,
              tcbLevels: one.tcbLevels.map((level) =>
                level.tcb.isvsvn === 4 ? { ...level, tcbStatus: 'Revoked' } : level,
              ),
            })),
          ),
        },
      },
      'Revoked',
    ],
    [
      'the body is TD 1.0, which does not say what runs',
      { quote: version5(undefined, (good) => ({ ...good, teeTcbSvn: svn(4, 1, 8) })) },
      'OutOfDate',
    ],
    ['nothing is outdated', { quote: version5(TD_15) }, 'UpToDate'],
  ];
  for (const [name, changes, status] of CASES) {
    promise('P7', `${name}: ${status}`, async () => {
      const { claims } = await verifyForged(changes);
      expect(claims?.tcbStatus).toBe(status);
    });
  }

  promise('P7', 'a relaunch status is accepted where the policy names it, with its advisories', async () => {
    const quote = launchedOld(svn(6, 1, 8));
    expect(idsOf(await verifyForged({ quote }), 'failed')).toEqual(['tdx.tcb-status']);
    const named: Partial<TdxPolicy> = { tcbStatus: ['UpToDate', 'TDRelaunchAdvised'] };
    expect(idsOf(await verifyForged({ quote, policy: named }), 'failed')).toEqual(['tdx.tcb-status']);
    expect(deciding(await verifyForged({ quote, policy: { ...named, advisories: 'any' } }))).toBeUndefined();
  });
});

describe('pinned registers', () => {
  const NAMES = ['mrtd', 'rtmr0', 'rtmr1', 'rtmr2', 'rtmr3'] as const;
  const pinsOf = ({ claims }: TdxOutcome): Record<(typeof NAMES)[number], string> =>
    Object.fromEntries(NAMES.map((name) => [name, claims?.registers[name] ?? ''])) as Record<
      (typeof NAMES)[number],
      string
    >;

  promise('P7', 'the very registers pass, alone and among others', async () => {
    const pins = pinsOf(await verifyForged());
    const other = { ...pins, mrtd: 'ab'.repeat(48) };
    for (const registers of [[pins], [other, pins], [{ ...pins, rtmr3: 'any' }]]) {
      expect(checkOf(await verifyForged({ policy: { registers } }), 'tdx.registers').status).toBe('passed');
    }
  });

  for (const name of NAMES) {
    promise('P7', `another ${name}: tdx.registers fails alone`, async () => {
      const pins = pinsOf(await verifyForged());
      const outcome = await verifyForged({ policy: { registers: [{ ...pins, [name]: 'ab'.repeat(48) }] } });
      expect(idsOf(outcome, 'failed')).toEqual(['tdx.registers']);
    });
  }

  promise('P7', 'a combination of two that are each listed is none', async () => {
    const pins = pinsOf(await verifyForged());
    const wrong = 'ab'.repeat(48);
    const registers = [
      { ...pins, mrtd: wrong },
      { ...pins, rtmr3: wrong },
    ];
    expect(idsOf(await verifyForged({ policy: { registers } }), 'failed')).toEqual(['tdx.registers']);
  });

  promise('P7', 'pins that pin nothing accept nothing', async () => {
    const registers = [{ mrtd: 'any', rtmr0: 'any', rtmr1: 'any', rtmr2: 'any', rtmr3: 'any' }];
    expect(idsOf(await verifyForged({ policy: { registers } }), 'failed')).toEqual(['tdx.registers']);
  });
});

describe('dates of TCB levels', () => {
  /** The outdated level of the simulated machine is of 2024-03-13, the current ones of 2024-11-13. */
  const outdated: Changes['collateral'] = {
    tcbInfo: (good: TcbInfo) => ({ ...withTcbStatus('OutOfDate', ['INTEL-SA-00001'])(good) }),
  };
  const now = new Date('2026-06-15T12:00:00Z');
  const daysSince = Math.ceil((now.getTime() - new Date('2024-11-13T00:00:00Z').getTime()) / 86_400_000);

  promise('P7', 'an outdated level is accepted within the days of grace, and its advisories with it', async () => {
    const policy: Partial<TdxPolicy> = { grace: { days: daysSince } };
    const outcome = await verifyForged({ collateral: outdated, policy });
    expect(deciding(outcome)).toBeUndefined();
    expect(outcome.claims?.tcbStatus).toBe('OutOfDate');
    expect(checkOf(outcome, 'tdx.tcb-status').message).toMatch(/until 2026-06-/);
  });

  const refused: readonly [name: string, changes: Changes][] = [
    ['a day later', { collateral: outdated, policy: { grace: { days: daysSince - 1 } } }],
    ['without grace', { collateral: outdated, policy: { grace: 'none' } }],
    [
      'with configuration needed, which the policy does not accept',
      { collateral: { tcbInfo: withTcbStatus('OutOfDateConfigurationNeeded') }, policy: { grace: { days: 9999 } } },
    ],
    ['where it is revoked', { collateral: { tcbInfo: withTcbStatus('Revoked') }, policy: { grace: { days: 9999 } } }],
    [
      'where the quoting enclave is older still',
      {
        collateral: outdated,
        quote: { qeReport: (good) => ({ ...good, isvSvn: 2 }) },
        policy: { grace: { days: daysSince + 100 } },
      },
    ],
    ['below the least tcbDate', { policy: { minimumTcbDate: '2024-11-13T00:00:01Z' } }],
    [
      'whose quoting enclave is below the least tcbDate',
      {
        quote: { qeReport: (good) => ({ ...good, isvSvn: 2 }) },
        policy: { minimumTcbDate: '2024-01-01T00:00:00Z', tcbStatus: ['OutOfDate'], advisories: 'any' },
      },
    ],
  ];
  for (const [name, changes] of refused) {
    promise('P7', `a level ${name}: tdx.tcb-status fails alone`, async () => {
      expect(idsOf(await verifyForged(changes), 'failed')).toEqual(['tdx.tcb-status']);
    });
  }

  promise('P7', 'a level of just the least tcbDate passes', async () => {
    expect(deciding(await verifyForged({ policy: { minimumTcbDate: '2024-11-13T00:00:00Z' } }))).toBeUndefined();
  });
});
