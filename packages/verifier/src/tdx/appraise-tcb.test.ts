import {
  basicConstraints,
  distinguishedName,
  type ForgedPki,
  forgeCollateral,
  forgePki,
  generateKeyPair,
  keyUsage,
  type TcbInfo,
  type TextSigner,
  unknownCritical,
  withBit,
  withExtension,
  withModuleIdentities,
  withTcbStatus,
  zeroR,
  zeroS,
} from '@vitrine/simulator/faults';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type Changes, checkOf, deciding, idsOf, NOW, verifyForged } from '../testing/forged.ts';

const DAY_MS = 86_400_000;
const at = (milliseconds: number): Date => new Date(NOW.getTime() + milliseconds);
const pcsTime = (time: Date): string => `${time.toISOString().slice(0, 19)}Z`;

const DEPENDENT = ['tdx.tcb-status'];
/** Which checks have not passed, beside the ones that the policy waives. */
async function notPassed(changes: Changes): Promise<{ failed: readonly string[]; unavailable: readonly string[] }> {
  const outcome = await verifyForged(changes);
  return { failed: idsOf(outcome, 'failed'), unavailable: idsOf(outcome, 'unavailable') };
}

describe('TCB info that is wrong in one place', () => {
  const cases: readonly [name: string, changes: Changes][] = [
    [
      'changed after signing',
      { collateral: { after: (good) => ({ ...good, tcb_info: good.tcb_info.replace('UpToDate', 'UpTodate') }) } },
    ],
    [
      're-serialised',
      { collateral: { after: (good) => ({ ...good, tcb_info: JSON.stringify(JSON.parse(good.tcb_info), null, 1) }) } },
    ],
    ['signature with r = 0', { collateral: { tcbInfoSignature: zeroR } }],
    ['signature with s = 0', { collateral: { tcbInfoSignature: zeroS } }],
    ['signature of a wrong length', { collateral: { tcbInfoSignature: (good) => good.subarray(1) } }],
    [
      'signature in upper case',
      { collateral: { after: (good) => ({ ...good, tcb_info_signature: `AB${good.tcb_info_signature.slice(2)}` }) } },
    ],
    ['for SGX', { collateral: { tcbInfo: (good) => ({ ...good, id: 'SGX' }) } }],
    ['of version 2', { collateral: { tcbInfo: (good) => ({ ...good, version: 2 }) } }],
    ['of TCB type 1', { collateral: { tcbInfo: (good) => ({ ...good, tcbType: 1 }) } }],
    ['not yet issued', { collateral: { tcbInfo: (good) => ({ ...good, issueDate: pcsTime(at(1000)) }) } }],
    ['expired a second ago', { collateral: { tcbInfo: (good) => ({ ...good, nextUpdate: pcsTime(at(-1000)) }) } }],
    ['without an end', { collateral: { tcbInfo: ({ nextUpdate, ...good }) => good } }],
    ['on 30 February', { collateral: { tcbInfo: (good) => ({ ...good, issueDate: '2026-02-30T00:00:00Z' }) } }],
    ['with a time zone', { collateral: { tcbInfo: (good) => ({ ...good, issueDate: '2026-06-15T00:00:00+02:00' }) } }],
    ['with a repeated key', { collateral: { tcbInfoText: (good) => good.replace('{', '{"id":"TDX",') } }],
    ['with a byte order mark', { collateral: { tcbInfoText: (good) => `\ufeff${good}` } }],
    [
      'with an infinite number',
      { collateral: { tcbInfoText: (good) => good.replace('"tcbType":0', '"tcbType":1e999') } },
    ],
    ['with a number as text', { collateral: { tcbInfoText: (good) => good.replace('"version":3', '"version":"3"') } }],
    [
      'nested 100,000 deep',
      { collateral: { tcbInfoText: (good) => good.replace('"tcbType":0', `"x":${'['.repeat(100_000)}`) } },
    ],
    ['without levels', { collateral: { tcbInfo: (good) => ({ ...good, tcbLevels: [] }) } }],
    [
      'with a level twice',
      { collateral: { tcbInfo: (good) => ({ ...good, tcbLevels: [...good.tcbLevels, ...good.tcbLevels] }) } },
    ],
    ['with an unknown status', { collateral: { tcbInfo: withTcbStatus('Fine') } }],
    ['with a TDX module twice', { collateral: { tcbInfo: withModuleIdentities((good) => [...good, ...good]) } }],
    [
      'below the evaluation that the policy demands',
      {
        policy: { minimumTcbEvaluationDataNumber: 1000 },
        collateral: { qeIdentity: (good) => ({ ...good, tcbEvaluationDataNumber: 1000 }) },
      },
    ],
  ];
  for (const [name, changes] of cases) {
    promise('P7', `${name}: tdx.tcb-info fails, and what rests on it is not evaluated`, async () => {
      expect(await notPassed(changes)).toEqual({ failed: ['tdx.tcb-info'], unavailable: [...DEPENDENT, 'tdx.module'] });
    });
  }

  const signers: readonly [name: string, signer: (pki: ForgedPki) => TextSigner][] = [
    [
      'an extracted PCK key',
      ({ pck, intermediate, root }) => ({ key: pck.key, chain: [pck.der, intermediate.der, root.der] }),
    ],
    ['a PCK key whose issuer is left out', ({ pck, root }) => ({ key: pck.key, chain: [pck.der, root.der] })],
    ['the platform CA', ({ intermediate, root }) => ({ key: intermediate.key, chain: [intermediate.der, root.der] })],
    ['the root itself', ({ root }) => ({ key: root.key, chain: [root.der, root.der] })],
    ['a chain without its root', ({ tcbSigning }) => ({ key: tcbSigning.key, chain: [tcbSigning.der] })],
    [
      'a chain with a certificate too many',
      ({ tcbSigning, root }) => ({ key: tcbSigning.key, chain: [tcbSigning.der, root.der, root.der] }),
    ],
    [
      'another key than its certificate says',
      ({ tcbSigning, root }) => ({ key: generateKeyPair(), chain: [tcbSigning.der, root.der] }),
    ],
    [
      'the same names under a foreign root',
      () => {
        const { tcbSigning, root } = forgePki({ now: NOW });
        return { key: tcbSigning.key, chain: [tcbSigning.der, root.der] };
      },
    ],
  ];
  for (const [name, signerOf] of signers) {
    promise('P7', `TCB info signed by ${name}: tdx.tcb-info fails`, async () => {
      const outcome = await verifyForged({
        collateral: (pki) => [forgeCollateral(pki, { tcbInfoSigner: signerOf(pki) })],
      });
      expect(idsOf(outcome, 'failed')).toEqual(['tdx.tcb-info']);
    });
    promise('P7', `QE identity signed by ${name}: tdx.qe-identity fails`, async () => {
      const outcome = await verifyForged({
        collateral: (pki) => [forgeCollateral(pki, { qeIdentitySigner: signerOf(pki) })],
      });
      expect(idsOf(outcome, 'failed')).toEqual(['tdx.qe-identity']);
    });
  }

  const certificates: readonly [name: string, changes: Changes][] = [
    ['expired', { pki: { tcbSigning: (good) => ({ ...good, notAfter: at(-1000) }) } }],
    [
      'of another name',
      { pki: { tcbSigning: (good) => ({ ...good, subject: distinguishedName('Intel SGX PCK Certificate') }) } },
    ],
    ['signed by a stranger', { pki: { tcbSigning: (good) => ({ ...good, signer: generateKeyPair() }) } }],
    [
      'with an unknown critical extension',
      { pki: { tcbSigning: (good) => ({ ...good, extensions: withExtension(good.extensions, unknownCritical) }) } },
    ],
    [
      'that is an authority',
      {
        pki: {
          tcbSigning: (good) => ({
            ...good,
            extensions: withExtension(good.extensions, basicConstraints({ pathLength: 0 })),
          }),
        },
      },
    ],
    [
      'that may not sign data',
      { pki: { tcbSigning: (good) => ({ ...good, extensions: withExtension(good.extensions, keyUsage('cRLSign')) }) } },
    ],
  ];
  for (const [name, changes] of certificates) {
    promise('P7', `a TCB signing certificate ${name}: tdx.tcb-info and tdx.qe-identity fail`, async () => {
      expect((await notPassed(changes)).failed).toEqual(['tdx.tcb-info', 'tdx.qe-identity']);
    });
  }

  promise('P7', 'nextUpdate is the last second: now − 1 s refuses, now + 1 s passes', async () => {
    const until = (milliseconds: number): Changes => ({
      collateral: { tcbInfo: (good) => ({ ...good, nextUpdate: pcsTime(at(milliseconds)) }) },
    });
    expect((await notPassed(until(-1000))).failed).toEqual(['tdx.tcb-info']);
    expect((await notPassed(until(1000))).failed).toEqual([]);
  });
});

describe('the evaluation number', () => {
  promise('P7', 'below the minimum of the policy fails in TCB info and in QE identity', async () => {
    expect((await notPassed({ policy: { minimumTcbEvaluationDataNumber: 1000 } })).failed).toEqual([
      'tdx.tcb-info',
      'tdx.qe-identity',
    ]);
  });

  promise('P7', 'at the minimum passes', async () => {
    expect((await notPassed({ policy: { minimumTcbEvaluationDataNumber: 999 } })).failed).toEqual([]);
  });
});

describe('which collateral is used', () => {
  promise('P7', 'without collateral, the firmware is undetermined and the quote stays authenticated', async () => {
    const outcome = await verifyForged({ collateral: () => [] });
    expect(idsOf(outcome, 'failed')).toEqual([]);
    expect(idsOf(outcome, 'unavailable')).toEqual([
      'tdx.tcb-status',
      'tdx.tcb-info',
      'tdx.qe-identity',
      'tdx.module',
      'tdx.revocation',
    ]);
    expect(deciding(outcome)?.message).toMatch(/none were given/);
    expect(outcome.claims).toMatchObject({ technology: 'tdx' });
    expect(outcome.claims?.tcbStatus).toBeUndefined();
  });

  const foreign: readonly [name: string, change: Partial<TcbInfo>][] = [
    ['FMSPC', { fmspc: '00906EA10000' }],
    ['PCE', { pceId: '0001' }],
  ];
  for (const [name, change] of foreign) {
    promise('P7', `collateral of another ${name} is not for this platform: undetermined, naming it`, async () => {
      const outcome = await verifyForged({ collateral: { tcbInfo: (good) => ({ ...good, ...change }) } });
      expect(deciding(outcome)).toMatchObject({ id: 'tdx.tcb-status', status: 'unavailable' });
      expect(deciding(outcome)?.message).toContain(Object.values(change)[0]?.toString().toLowerCase());
    });
    promise('P7', `TCB info that hides its ${name} is judged by what it really says`, async () => {
      const outcome = await verifyForged({
        collateral: {
          tcbInfo: (good) => ({ ...good, ...change }),
          tcbInfoText: (good) => good.replace('"fmspc"', '"\\u0066mspc"').replace('"pceId"', '"\\u0070ceId"'),
        },
      });
      expect(deciding(outcome)).toMatchObject({ id: 'tdx.tcb-info', status: 'failed' });
    });
  }

  promise('P7', 'of several, the one for the platform is chosen', async () => {
    const outcome = await verifyForged({
      collateral: (pki) => [
        forgeCollateral(pki, { tcbInfo: (good) => ({ ...good, fmspc: '00906EA10000' }) }),
        forgeCollateral(pki),
      ],
    });
    expect(deciding(outcome)).toBeUndefined();
  });

  promise('P7', 'of several for the platform, one in force is chosen, then the highest evaluation', async () => {
    const numbered = (number: number) => ({
      tcbInfo: (good: TcbInfo) => ({ ...good, tcbEvaluationDataNumber: number }),
      qeIdentity: (good: object) => ({ ...good, tcbEvaluationDataNumber: number }),
    });
    const outcome = await verifyForged({
      collateral: (pki) => [
        forgeCollateral(pki, { ...numbered(30), now: at(-90 * DAY_MS) }),
        forgeCollateral(pki, numbered(17)),
        forgeCollateral(pki, numbered(18)),
      ],
    });
    expect(outcome.claims).toMatchObject({ tcbStatus: 'UpToDate', tcbEvaluationDataNumber: 18 });
  });
});

describe('QE identity that is wrong in one place', () => {
  const cases: readonly [name: string, changes: Changes][] = [
    [
      'changed after signing',
      { collateral: { after: (good) => ({ ...good, qe_identity: good.qe_identity.replace('TD_QE', 'TD_QF') }) } },
    ],
    ['signature with r = 0', { collateral: { qeIdentitySignature: zeroR } }],
    ['for SGX', { collateral: { qeIdentity: (good) => ({ ...good, id: 'QE' }) } }],
    ['of version 3', { collateral: { qeIdentity: (good) => ({ ...good, version: 3 }) } }],
    ['expired', { collateral: { qeIdentity: (good) => ({ ...good, nextUpdate: pcsTime(at(-1000)) }) } }],
    ['not yet issued', { collateral: { qeIdentity: (good) => ({ ...good, issueDate: pcsTime(at(1000)) }) } }],
    [
      'of an older evaluation than TCB info',
      { collateral: { qeIdentity: (good) => ({ ...good, tcbEvaluationDataNumber: 998 }) } },
    ],
    [
      'of a newer evaluation than TCB info',
      { collateral: { qeIdentity: (good) => ({ ...good, tcbEvaluationDataNumber: 1000 }) } },
    ],
    ['another MRSIGNER', { collateral: { qeIdentity: (good) => ({ ...good, mrsigner: '00'.repeat(32) }) } }],
    ['another ISVPRODID', { collateral: { qeIdentity: (good) => ({ ...good, isvprodid: 1 }) } }],
    ['another MISCSELECT', { collateral: { qeIdentity: (good) => ({ ...good, miscselect: '01000000' }) } }],
    [
      'other attributes',
      { collateral: { qeIdentity: (good) => ({ ...good, attributes: '13000000000000000000000000000000' }) } },
    ],
    [
      'every level above the quoting enclave',
      {
        collateral: {
          qeIdentity: (good) => ({
            ...good,
            tcbLevels: good.tcbLevels.map((level) => ({ ...level, tcb: { isvsvn: 5 + level.tcb.isvsvn } })),
          }),
        },
      },
    ],
    [
      'an unknown level status',
      {
        collateral: {
          qeIdentity: (good) => ({
            ...good,
            tcbLevels: good.tcbLevels.map((level) => ({ ...level, tcbStatus: 'SWHardeningNeeded' })),
          }),
        },
      },
    ],
    ['a QE with a version below the lowest', { quote: { qeReport: (good) => ({ ...good, isvSvn: 1 }) } }],
    ['a QE of another signer', { quote: { qeReport: (good) => ({ ...good, mrSigner: new Uint8Array(32) }) } }],
    ['a QE of another product', { quote: { qeReport: (good) => ({ ...good, isvProdId: 1 }) } }],
    ['a QE with MISCSELECT', { quote: { qeReport: (good) => ({ ...good, miscSelect: Uint8Array.of(1, 0, 0, 0) }) } }],
    [
      'a QE in debug mode',
      { quote: { qeReport: (good) => ({ ...good, attributes: withBit(good.attributes, 1, true) }) } },
    ],
    [
      'a QE in debug mode that the mask would hide',
      {
        quote: { qeReport: (good) => ({ ...good, attributes: withBit(good.attributes, 1, true) }) },
        collateral: { qeIdentity: (good) => ({ ...good, attributesMask: '00'.repeat(16) }) },
      },
    ],
  ];
  for (const [name, changes] of cases) {
    promise('P7', `${name}: tdx.qe-identity fails alone`, async () => {
      expect(await notPassed(changes)).toEqual({ failed: ['tdx.qe-identity'], unavailable: DEPENDENT });
    });
  }
});

describe('the TDX module', () => {
  const cases: readonly [name: string, changes: Changes][] = [
    [
      'no identity of its major version',
      { collateral: { tcbInfo: withModuleIdentities((good) => good.filter(({ id }) => id !== 'TDX_01')) } },
    ],
    ['below the lowest level', { quote: { body: (good) => ({ ...good, teeTcbSvn: good.teeTcbSvn.with(0, 1) }) } }],
    [
      'of an unknown major version',
      { quote: { body: (good) => ({ ...good, teeTcbSvn: good.teeTcbSvn.with(1, 0xab) }) } },
    ],
    ['another signer', { quote: { body: (good) => ({ ...good, mrSignerSeam: withBit(good.mrSignerSeam, 0, true) }) } }],
    [
      'an attribute',
      { quote: { body: (good) => ({ ...good, seamAttributes: withBit(good.seamAttributes, 63, true) }) } },
    ],
    [
      'an old module with another signer',
      {
        quote: {
          body: (good) => ({
            ...good,
            teeTcbSvn: good.teeTcbSvn.with(1, 0),
            mrSignerSeam: withBit(good.mrSignerSeam, 0, true),
          }),
        },
      },
    ],
  ];
  for (const [name, changes] of cases) {
    promise('P7', `${name}: tdx.module fails alone`, async () => {
      expect(await notPassed(changes)).toEqual({ failed: ['tdx.module'], unavailable: DEPENDENT });
    });
  }

  promise('P7', 'a module without a major version is judged by the platform level alone', async () => {
    const outcome = await verifyForged({
      quote: { body: (good) => ({ ...good, teeTcbSvn: good.teeTcbSvn.with(1, 0) }) },
    });
    expect(checkOf(outcome, 'tdx.module').status).toBe('passed');
    expect(outcome.claims?.tcbStatus).toBe('UpToDate');
  });
});

describe('the TCB status', () => {
  const statuses: readonly [name: string, expected: string, changes: Changes][] = [
    [
      'platform level OutOfDate',
      'OutOfDate',
      { collateral: { tcbInfo: withTcbStatus('OutOfDate', ['INTEL-SA-00001']) } },
    ],
    ['platform level Revoked', 'Revoked', { collateral: { tcbInfo: withTcbStatus('Revoked') } }],
    [
      'platform level SWHardeningNeeded',
      'SWHardeningNeeded',
      { collateral: { tcbInfo: withTcbStatus('SWHardeningNeeded') } },
    ],
    [
      'platform level ConfigurationNeeded',
      'ConfigurationNeeded',
      { collateral: { tcbInfo: withTcbStatus('ConfigurationNeeded') } },
    ],
    ['QE below its current level', 'OutOfDate', { quote: { qeReport: (good) => ({ ...good, isvSvn: 3 }) } }],
    [
      'QE level Revoked',
      'Revoked',
      {
        collateral: {
          qeIdentity: (good) => ({
            ...good,
            tcbLevels: good.tcbLevels.map((level) => ({ ...level, tcbStatus: 'Revoked' })),
          }),
        },
      },
    ],
    [
      'module below its current level',
      'OutOfDate',
      { quote: { body: (good) => ({ ...good, teeTcbSvn: good.teeTcbSvn.with(0, 5) }) } },
    ],
    [
      'module level Revoked',
      'Revoked',
      {
        collateral: {
          tcbInfo: withModuleIdentities((good) =>
            good.map((one) => ({
              ...one,
              tcbLevels: one.tcbLevels.map((level) => ({ ...level, tcbStatus: 'Revoked' })),
            })),
          ),
        },
      },
    ],
    [
      'module OutOfDate on a platform that needs configuration',
      'OutOfDateConfigurationNeeded',
      {
        quote: { body: (good) => ({ ...good, teeTcbSvn: good.teeTcbSvn.with(0, 5) }) },
        collateral: { tcbInfo: withTcbStatus('ConfigurationNeeded') },
      },
    ],
    [
      'platform on an older level',
      'OutOfDate',
      { quote: { body: (good) => ({ ...good, teeTcbSvn: good.teeTcbSvn.with(2, 7) }) } },
    ],
  ];
  for (const [name, expected, changes] of statuses) {
    promise('P7', `${name}: tdx.tcb-status fails with ${expected}`, async () => {
      const outcome = await verifyForged(changes);
      expect(idsOf(outcome, 'failed')).toEqual(['tdx.tcb-status']);
      expect(checkOf(outcome, 'tdx.tcb-status')).toMatchObject({
        expected: 'UpToDate',
        actual: expect.stringContaining(expected) as string,
      });
      expect(outcome.claims?.tcbStatus).toBe(expected);
    });
  }

  promise('P7', 'levels count by their components, not by their place in the JSON', async () => {
    const outcome = await verifyForged({
      collateral: { tcbInfo: (good) => ({ ...good, tcbLevels: good.tcbLevels.toReversed() }) },
    });
    expect(deciding(outcome)).toBeUndefined();
  });

  const below: readonly [name: string, reason: RegExp, changes: Changes][] = [
    [
      'CPUSVN component',
      /CPUSVN component 4 is 0/,
      {
        pki: { platform: { componentSvns: [8, 8, 2, 2, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0] } },
        collateral: { tcbInfo: (good) => raiseLevels(good, 'sgxtcbcomponents', 4, 4) },
      },
    ],
    [
      'named CPUSVN component',
      /CPUSVN component 7 \(SEAMLDR ACM\) is 6 and even the lowest level asks 9/,
      { collateral: { tcbInfo: (good) => raiseLevels(good, 'sgxtcbcomponents', 7, 9) } },
    ],
    [
      'PCESVN',
      /PCESVN is 11/,
      {
        collateral: {
          tcbInfo: (good) => ({
            ...good,
            tcbLevels: good.tcbLevels.map((level, index) => ({ ...level, tcb: { ...level.tcb, pcesvn: 20 - index } })),
          }),
        },
      },
    ],
    [
      'TEE_TCB_SVN',
      /TEE_TCB_SVN component 2 \(TDX Late Microcode Update\) is 8/,
      { collateral: { tcbInfo: (good) => raiseLevels(good, 'tdxtcbcomponents', 2, 9) } },
    ],
    [
      'TEE_TCB_SVN that has no name',
      /TEE_TCB_SVN component 15 is 0/,
      { collateral: { tcbInfo: (good) => raiseLevels(good, 'tdxtcbcomponents', 15, 1) } },
    ],
    [
      'TEE_TCB_SVN 0 of an old module',
      /TEE_TCB_SVN component 0 \(TDX Module\) is 2/,
      { quote: { body: (good) => ({ ...good, teeTcbSvn: Uint8Array.from([2, 0, 8, ...new Uint8Array(13)]) }) } },
    ],
  ];
  for (const [name, reason, changes] of below) {
    promise('P7', `below the lowest level in a ${name}: tdx.tcb-status fails and says in which`, async () => {
      const outcome = await verifyForged(changes);
      expect(idsOf(outcome, 'failed')).toEqual(['tdx.tcb-status']);
      expect(checkOf(outcome, 'tdx.tcb-status').message).toMatch(reason);
      expect(outcome.claims?.tcbStatus).toBeUndefined();
    });
  }

  const advisories: readonly [policy: Changes['policy'], passes: boolean][] = [
    [{ tcbStatus: ['UpToDate', 'SWHardeningNeeded'], advisories: 'none' }, false],
    [{ tcbStatus: ['UpToDate', 'SWHardeningNeeded'], advisories: ['INTEL-SA-00001'] }, false],
    [{ tcbStatus: ['UpToDate', 'SWHardeningNeeded'], advisories: ['INTEL-SA-00001', 'INTEL-SA-00002'] }, true],
    [{ tcbStatus: ['UpToDate', 'SWHardeningNeeded'], advisories: 'any' }, true],
    [{ tcbStatus: ['UpToDate'], advisories: 'any' }, false],
  ];
  for (const [policy, passes] of advisories) {
    promise('P7', `two advisories under ${JSON.stringify(policy)}: ${passes ? 'passed' : 'failed'}`, async () => {
      const outcome = await verifyForged({
        ...(policy === undefined ? {} : { policy }),
        collateral: { tcbInfo: withTcbStatus('SWHardeningNeeded', ['INTEL-SA-00001', 'INTEL-SA-00002']) },
      });
      expect(checkOf(outcome, 'tdx.tcb-status').status).toBe(passes ? 'passed' : 'failed');
      expect(outcome.claims?.advisoryIds).toEqual(['INTEL-SA-00001', 'INTEL-SA-00002']);
    });
  }
});

/** Every level asks for at least `svn` in one component; still no two levels are the same. */
function raiseLevels(
  good: TcbInfo,
  part: 'sgxtcbcomponents' | 'tdxtcbcomponents',
  index: number,
  svn: number,
): TcbInfo {
  return {
    ...good,
    tcbLevels: good.tcbLevels.map((level) => ({
      ...level,
      tcb: {
        ...level.tcb,
        [part]: level.tcb[part].map((component, at) => (at === index ? { ...component, svn } : component)),
      },
    })),
  };
}
