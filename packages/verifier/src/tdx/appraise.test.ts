import { withBit } from '@vitrine/simulator/faults';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type Changes, checkOf, deciding, idsOf, verifyForged } from '../testing/forged.ts';

const attributes = (bit: number, value = true): Changes => ({
  quote: { body: (good) => ({ ...good, tdAttributes: withBit(good.tdAttributes, bit, value) }) },
});
const xfam = (bit: number, value: boolean): Changes => ({
  quote: { body: (good) => ({ ...good, xfam: withBit(good.xfam, bit, value) }) },
});

describe('settings of the TD', () => {
  const refused: readonly [name: string, check: string, changes: Changes][] = [
    ['DEBUG', 'tdx.debug', attributes(0)],
    ['SEPT_VE_DISABLE not set', 'tdx.sept-ve-disable', attributes(28, false)],
    ['another bit of the untrusted byte', 'tdx.attributes', attributes(1)],
    ['the last bit of the untrusted byte', 'tdx.attributes', attributes(7)],
    ['a reserved bit', 'tdx.attributes', attributes(8)],
    ['a reserved bit in the upper half', 'tdx.attributes', attributes(62)],
    ['MIGRATABLE', 'tdx.attributes', attributes(29)],
    [
      'PKS where the policy accepts none',
      'tdx.attributes',
      { ...attributes(30), policy: { optionalAttributes: 'none' } },
    ],
    [
      'PERFMON where the policy lists only KL',
      'tdx.attributes',
      { ...attributes(63), policy: { optionalAttributes: ['KL'] } },
    ],
    ['XFAM without SSE', 'tdx.xfam', xfam(1, false)],
    ['XFAM with a bit that TDX does not allow', 'tdx.xfam', xfam(63, true)],
    ['XFAM with bit 3', 'tdx.xfam', xfam(3, true)],
    ['a TDX module that is not listed', 'tdx.mrseam', { policy: { mrseam: ['ab'.repeat(48)] } }],
    ['a machine that is not listed', 'tdx.platform', { policy: { platforms: ['ab'.repeat(16)] } }],
  ];
  for (const [name, id, changes] of refused) {
    promise('P7', `${name}: ${id} fails alone, with expected and actual`, async () => {
      const outcome = await verifyForged(changes);
      expect(idsOf(outcome, 'failed')).toEqual([id]);
      expect(checkOf(outcome, id)).toMatchObject({
        expected: expect.any(String) as string,
        actual: expect.any(String) as string,
        anchor: 'test-root',
      });
      expect(outcome.claims).toBeDefined();
    });
  }

  const waived: readonly [name: string, check: string, changes: Changes][] = [
    ['DEBUG', 'tdx.debug', { ...attributes(0), policy: { debug: 'any' } }],
    ['SEPT_VE_DISABLE not set', 'tdx.sept-ve-disable', { ...attributes(28, false), policy: { septVeDisable: 'any' } }],
  ];
  for (const [name, id, changes] of waived) {
    promise('P7', `${name} where the policy says any: ${id} is waived, not passed`, async () => {
      const outcome = await verifyForged(changes);
      expect(checkOf(outcome, id).status).toBe('waived');
      expect(deciding(outcome)).toBeUndefined();
    });
  }

  for (const [name, bit] of [
    ['LASS', 27],
    ['PKS', 30],
    ['KL', 31],
    ['PERFMON', 63],
  ] as const) {
    promise('P7', `${name} passes where the policy names it`, async () => {
      const outcome = await verifyForged({ ...attributes(bit), policy: { optionalAttributes: [name] } });
      expect(checkOf(outcome, 'tdx.attributes').status).toBe('passed');
    });
  }

  promise('P7', 'a machine is recognised by PPID or by platform instance id', async () => {
    const ppid = new Uint8Array(16).fill(1);
    const platformInstanceId = new Uint8Array(16).fill(2);
    for (const id of ['01'.repeat(16), '02'.repeat(16)]) {
      const outcome = await verifyForged({
        pki: { platform: { ppid, platformInstanceId } },
        policy: { platforms: [id] },
      });
      expect(checkOf(outcome, 'tdx.platform').status).toBe('passed');
    }
  });

  promise('P7', 'a policy that demands a list of machines and has none leaves it open', async () => {
    const outcome = await verifyForged({ policy: { platforms: 'listed' } });
    expect(deciding(outcome)).toMatchObject({ id: 'tdx.platform', status: 'unavailable' });
  });

  promise('P7', 'a listed TDX module passes', async () => {
    const { claims } = await verifyForged();
    const outcome = await verifyForged({ policy: { mrseam: [claims?.registers['mrseam'] ?? ''] } });
    expect(checkOf(outcome, 'tdx.mrseam').status).toBe('passed');
  });

  promise('P7', 'what is excessive is named: known attributes by name, others by their bits', async () => {
    const all: Changes = {
      quote: {
        body: (good) => ({
          ...good,
          tdAttributes: [8, 29, 30].reduce((bytes, bit) => withBit(bytes, bit, true), good.tdAttributes),
        }),
      },
      policy: { optionalAttributes: ['KL', 'LASS'] },
    };
    expect(checkOf(await verifyForged(all), 'tdx.attributes')).toMatchObject({
      expected: 'no attribute besides DEBUG, SEPT_VE_DISABLE, KL, LASS',
      actual: 'attributes 0x70000100',
      message: 'The TD has attributes that are not accepted: PKS, MIGRATABLE, reserved bits 0x100.',
    });
    const one = await verifyForged({ ...attributes(30), policy: { optionalAttributes: 'none' } });
    expect(checkOf(one, 'tdx.attributes')).toMatchObject({
      expected: 'no attribute besides DEBUG, SEPT_VE_DISABLE',
      message: 'The TD has attributes that are not accepted: PKS.',
    });
  });

  promise('P3', 'pinned registers are compared one by one, and only those that are pinned are shown', async () => {
    const { claims } = await verifyForged();
    const { mrtd = '', rtmr0 = '', rtmr1 = '', rtmr2 = '', rtmr3 = '' } = claims?.registers ?? {};
    const good = { mrtd, rtmr0, rtmr1, rtmr2, rtmr3 };
    const wrong = 'ee'.repeat(48);
    const judge = async (...registers: readonly object[]) =>
      checkOf(await verifyForged({ policy: { registers: registers as never } }), 'tdx.registers');
    expect((await judge(good)).status).toBe('passed');
    expect((await judge({ ...good, mrtd: wrong }, { ...good, rtmr3: 'any' })).status).toBe('passed');
    for (const name of ['mrtd', 'rtmr0', 'rtmr1', 'rtmr2', 'rtmr3'] as const) {
      expect((await judge({ ...good, [name]: wrong })).status, name).toBe('failed');
    }
    const open = { mrtd: wrong, rtmr0: 'any', rtmr1: 'any', rtmr2: 'any', rtmr3: 'any' };
    expect(await judge(open)).toMatchObject({ status: 'failed', expected: `mrtd ${wrong}`, actual: `mrtd ${mrtd}` });
    expect(await judge(open, { ...good, rtmr3: wrong })).toMatchObject({
      expected: `mrtd ${wrong}; or mrtd ${mrtd}, rtmr0 ${rtmr0}, rtmr1 ${rtmr1}, rtmr2 ${rtmr2}, rtmr3 ${wrong}`,
      actual: `mrtd ${mrtd}, rtmr0 ${rtmr0}, rtmr1 ${rtmr1}, rtmr2 ${rtmr2}, rtmr3 ${rtmr3}`,
    });
  });

  promise('P7', 'what a waived check would have compared is shown', async () => {
    const outcome = await verifyForged();
    expect(checkOf(outcome, 'tdx.mrseam')).toMatchObject({
      status: 'waived',
      actual: outcome.claims?.registers['mrseam'],
    });
    expect(checkOf(outcome, 'tdx.registers')).toMatchObject({
      status: 'waived',
      actual: expect.stringContaining('rtmr3 ') as string,
    });
  });
});
