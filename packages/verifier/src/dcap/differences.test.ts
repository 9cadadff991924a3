/**
 * What the checks that TDX and SGX share show beside their status: what the policy or Intel expects,
 * what the evidence has, and on which endorsement an open check rests.
 *
 * @module
 */
import {
  distinguishedName,
  forgePki,
  generateKeyPair,
  revoking,
  type TcbInfo,
  withModuleIdentities,
  withTcbStatus,
  zeroR,
} from '@vitrine/simulator/faults';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { showCheck } from '../testing/differences.ts';
import { type Changes, NOW, verifyForged } from '../testing/forged.ts';
import { verifyForgedSgx } from '../testing/forged-sgx.ts';

const FOREIGN = forgePki({
  now: NOW,
  root: (good) => ({ ...good, subject: distinguishedName('Foreign root'), issuer: distinguishedName('Foreign root') }),
});
const OTHER_EVALUATION: Changes = { collateral: { qeIdentity: (good) => ({ ...good, tcbEvaluationDataNumber: 1 }) } };
const BAD_MODULE: Changes = { collateral: { tcbInfo: withModuleIdentities(() => []) } };
const platform = { ppid: new Uint8Array(16).fill(1), platformInstanceId: new Uint8Array(16).fill(2) };
const levels =
  (change: (level: TcbInfo['tcbLevels'][number]) => TcbInfo['tcbLevels'][number]) =>
  (good: TcbInfo): TcbInfo => ({ ...good, tcbLevels: good.tcbLevels.map(change) });
const dated = (tcbDate: string): Changes['collateral'] & object => ({
  tcbInfo: levels((level) => ({ ...level, tcbDate })),
});
const outdated = (tcbDate: string): Changes['collateral'] & object => ({
  tcbInfo: (good) => levels((level) => ({ ...level, tcbDate }))(withTcbStatus('OutOfDate')(good)),
});

const CASES: readonly [what: string, check: string, changes: Changes, shown: string, says?: string][] = [
  ['a good chain', 'tdx.pck-chain', {}, 'passed | by test-root'],
  [
    'no anchor',
    'tdx.pck-chain',
    { anchors: () => [] },
    'failed | expected  | found CN=Vitrine Simulator Root CA (not a TEE), O=Vitrine Simulator (SHA-256 …)',
    'PCK certificate chain ends in a root that is not trusted here.',
  ],
  [
    'what follows no anchor',
    'tdx.qe-signature',
    { anchors: () => [] },
    'unavailable',
    'Not evaluated: the certificate chain is not trusted.',
  ],
  [
    'another signer of the quoting enclave',
    'tdx.qe-signature',
    { quote: { qeReportSigner: generateKeyPair() } },
    'failed | by test-root',
  ],
  [
    'what follows it',
    'tdx.signature',
    { quote: { qeReportSigner: generateKeyPair() } },
    'unavailable',
    'Not evaluated: an earlier signature is not good.',
  ],
  [
    'good TCB info',
    'tdx.tcb-info',
    {},
    'passed | by test-root',
    'TCB info is signed under the same root, in force, and for this platform (evaluation 999).',
  ],
  [
    'TCB info below the policy',
    'tdx.tcb-info',
    { policy: { minimumTcbEvaluationDataNumber: 100000 } },
    'failed | expected at least 100000 | found 999 | by test-root',
    'TCB info is of an older evaluation than the policy accepts.',
  ],
  [
    'QE identity below the policy',
    'tdx.qe-identity',
    { policy: { minimumTcbEvaluationDataNumber: 100000 } },
    'failed | expected at least 100000 | found 999 | by test-root',
    'QE identity is of an older evaluation than the policy accepts.',
  ],
  [
    'stale TCB info',
    'tdx.tcb-info',
    {
      collateral: {
        tcbInfo: (good) => ({ ...good, issueDate: '2026-05-01T00:00:00Z', nextUpdate: '2026-06-01T00:00:00Z' }),
      },
    },
    'failed | expected 2026-05-01T00:00:00.000Z to 2026-06-01T00:00:00.000Z | found 2026-06-15T12:00:00.000Z | by test-root',
    'TCB info is stale or not yet in force: fetch fresh endorsements.',
  ],
  [
    'a signer of another name',
    'tdx.tcb-info',
    { pki: { tcbSigning: (good) => ({ ...good, subject: distinguishedName('Somebody') }) } },
    'failed | expected Intel SGX TCB Signing | found Somebody | by test-root',
    'TCB info issuer chain: its leaf may not sign TCB info.',
  ],
  [
    'a signer under another root',
    'tdx.tcb-info',
    {
      collateral: { tcbInfoSigner: { key: FOREIGN.tcbSigning.key, chain: [FOREIGN.tcbSigning.der, FOREIGN.root.der] } },
    },
    'failed | expected CN=Vitrine Simulator Root CA (not a TEE), O=Vitrine Simulator | found CN=Foreign root, O=Vitrine Simulator | by test-root',
    'TCB info issuer chain ends in another root than the PCK chain.',
  ],
  [
    'a good quoting enclave',
    'tdx.qe-identity',
    {},
    'passed | by test-root',
    'The quoting enclave is the one that its signed identity describes.',
  ],
  [
    'QE identity of another evaluation',
    'tdx.qe-identity',
    OTHER_EVALUATION,
    'failed | expected evaluation 999 | found evaluation 1 | by test-root',
    'QE identity and TCB info are of different evaluations.',
  ],
  [
    'a good module',
    'tdx.module',
    {},
    'passed | by test-root',
    'The TDX module has the signer and the attributes that TCB info states; its level 6 is UpToDate.',
  ],
  [
    'a module without levels',
    'tdx.module',
    { quote: { body: (good) => ({ ...good, teeTcbSvn: good.teeTcbSvn.with(1, 0) }) } },
    'passed | by test-root',
    'The TDX module has the signer and the attributes that TCB info states.',
  ],
  [
    'TCB info that is bad',
    'tdx.module',
    { collateral: { tcbInfoSignature: zeroR } },
    'unavailable',
    'Not evaluated: TCB info is not good.',
  ],
  [
    'a status that rests on TCB info',
    'tdx.tcb-status',
    { collateral: { tcbInfoSignature: zeroR } },
    'unavailable',
    'Not evaluated: it rests on tdx.tcb-info (TCB info: its signature is not of Intel SGX TCB Signing, or its text was changed), which did not pass.',
  ],
  [
    'a status that rests on QE identity',
    'tdx.tcb-status',
    OTHER_EVALUATION,
    'unavailable',
    'Not evaluated: it rests on tdx.qe-identity (QE identity and TCB info are of different evaluations), which did not pass.',
  ],
  [
    'a status that rests on the module',
    'tdx.tcb-status',
    BAD_MODULE,
    'unavailable',
    'Not evaluated: it rests on tdx.module (TCB info knows no TDX module of this major version), which did not pass.',
  ],
  [
    'a status that rests on both',
    'tdx.tcb-status',
    { collateral: { tcbInfoSignature: zeroR, qeIdentitySignature: zeroR } },
    'unavailable',
    'Not evaluated: it rests on tdx.tcb-info (TCB info: its signature is not of Intel SGX TCB Signing, or its text was changed) and tdx.qe-identity (QE identity: its signature is not of Intel SGX TCB Signing, or its text was changed), which did not pass.',
  ],
  [
    'no collateral',
    'tdx.revocation',
    { collateral: () => [], policy: { revocation: 'any' } },
    'waived',
    'The policy does not ask for revocation lists, and none are at hand.',
  ],
  ['good lists', 'tdx.revocation', {}, 'passed | by test-root'],
  [
    'good lists that are not asked for',
    'tdx.revocation',
    { policy: { revocation: 'any' } },
    'waived',
    'The policy does not ask for revocation lists; those at hand list no certificate.',
  ],
  [
    'bad lists that are not asked for',
    'tdx.revocation',
    { collateral: { after: (good) => ({ ...good, pck_crl: '00' }) }, policy: { revocation: 'any' } },
    'waived',
    'The policy does not ask for revocation lists; those at hand are not usable.',
  ],
  [
    'a good status',
    'tdx.tcb-status',
    {},
    'passed | expected UpToDate | found UpToDate | by test-root',
    'The firmware of this platform is UpToDate.',
  ],
  [
    'an outdated status',
    'tdx.tcb-status',
    { collateral: outdated('2026-06-01T00:00:00Z') },
    'failed | expected UpToDate | found OutOfDate | by test-root',
    'The firmware of this platform is OutOfDate.',
  ],
  [
    'an outdated status within grace',
    'tdx.tcb-status',
    { collateral: outdated('2026-06-01T00:00:00Z'), policy: { grace: { days: 30 } } },
    'passed | expected UpToDate, or a time up to 2026-07-01T00:00:00.000Z | found OutOfDate | by test-root',
    'The firmware of this platform is OutOfDate; the policy accepts that until 2026-07-01T00:00:00.000Z.',
  ],
  [
    'an outdated status in the last moment of grace',
    'tdx.tcb-status',
    { collateral: outdated('2026-06-14T12:00:00Z'), policy: { grace: { days: 1 } } },
    'passed | expected UpToDate, or a time up to 2026-06-15T12:00:00.000Z | found OutOfDate | by test-root',
    'The firmware of this platform is OutOfDate; the policy accepts that until 2026-06-15T12:00:00.000Z.',
  ],
  [
    'an outdated status after grace',
    'tdx.tcb-status',
    { collateral: outdated('2026-06-14T11:59:59Z'), policy: { grace: { days: 1 } } },
    'failed | expected UpToDate, or a time up to 2026-06-15T11:59:59.000Z | found OutOfDate at 2026-06-15T12:00:00.000Z | by test-root',
    'The firmware of this platform is OutOfDate, and the days of grace that the policy gives are over.',
  ],
  [
    'a level of the least date',
    'tdx.tcb-status',
    { collateral: dated('2026-06-01T00:00:00Z'), policy: { minimumTcbDate: '2020-01-01T00:00:00Z' } },
    'passed | expected UpToDate | found UpToDate | by test-root',
  ],
  [
    'a level below the least date',
    'tdx.tcb-status',
    { collateral: dated('2019-12-31T23:59:59Z'), policy: { minimumTcbDate: '2020-01-01T00:00:00Z' } },
    'failed | expected tcbDate of at least 2020-01-01T00:00:00Z | found tcbDate 2019-12-31T23:59:59.000Z | by test-root',
    'The firmware of this platform is UpToDate, and part of it is older than the policy accepts.',
  ],
  [
    'any machine',
    'tdx.platform',
    { pki: { platform } },
    'waived | found 01010101… (16 bytes) or 02020202… (16 bytes) | by test-root',
  ],
  [
    'another machine',
    'tdx.platform',
    { pki: { platform }, policy: { platforms: ['03'.repeat(16), '04'.repeat(16)] } },
    'failed | expected 03030303… (16 bytes) or 04040404… (16 bytes) | found 01010101… (16 bytes) or 02020202… (16 bytes) | by test-root',
  ],
  [
    'this machine after another',
    'tdx.platform',
    { pki: { platform }, policy: { platforms: ['03'.repeat(16), '02'.repeat(16)] } },
    'passed | expected 03030303… (16 bytes) or 02020202… (16 bytes) | found 01010101… (16 bytes) or 02020202… (16 bytes) | by test-root',
  ],
  [
    'a list of machines that is missing',
    'tdx.platform',
    { pki: { platform }, policy: { platforms: 'listed' } },
    'unavailable | found 01010101… (16 bytes) or 02020202… (16 bytes) | by test-root',
  ],
];

describe('what the checks on DCAP quotes show', () => {
  for (const [what, check, changes, shown, says] of CASES) {
    promise('P7', `${check}: ${what}`, async () => {
      const found = (await verifyForged(changes)).checks.find(({ id }) => id === check);
      expect(found === undefined ? undefined : showCheck(found)).toBe(shown);
      if (says !== undefined) expect(found?.message).toBe(says);
    });
  }

  promise('P7', 'tdx.qe-binding: another attestation key', async () => {
    const { checks } = await verifyForged({
      quote: { qeReport: (good) => ({ ...good, reportData: new Uint8Array(64) }) },
    });
    expect(checks.find(({ id }) => id === 'tdx.qe-binding')).toMatchObject({
      status: 'failed',
      expected: expect.stringMatching(/^[0-9a-f]{64}0{64}$/) as string,
      actual: '00'.repeat(64),
    });
  });

  promise('P7', 'tdx.revocation: a revoked certificate', async () => {
    const { checks } = await verifyForged({ collateral: { rootCrl: revoking('intermediate') } });
    expect(checks.find(({ id }) => id === 'tdx.revocation')).toMatchObject({
      status: 'failed',
      expected: 'no revoked certificate',
      actual: expect.stringMatching(/^Intel SGX PCK Platform CA \(serial [0-9a-f]+\)$/) as string,
      anchor: 'test-root',
    });
  });

  promise('P7', 'SGX has no module, and says so of nothing', async () => {
    const { checks } = await verifyForgedSgx({ collateral: { tcbInfoSignature: zeroR } });
    expect(checks.map(({ id }) => id)).not.toContain('sgx.module');
    expect(checks.find(({ id }) => id === 'sgx.tcb-status')?.message).toMatch(
      /^Not evaluated: it rests on sgx.tcb-info \([^)]*\), which/,
    );
  });
});

describe("a root that says it is a simulator's", () => {
  promise('P7', 'is not spoken of under a trusted root, whatever fails', async () => {
    expect((await verifyForged()).simulatorMarker).toBe(false);
    expect((await verifyForged({ quote: { quoteSignature: zeroR } })).simulatorMarker).toBe(false);
    expect((await verifyForged({ quote: { qeReportSigner: generateKeyPair() } })).simulatorMarker).toBe(false);
    expect((await verifyForged({ now: new Date(NOW.getTime() - 10 ** 10), anchors: () => [] })).simulatorMarker).toBe(
      false,
    );
  });
});
