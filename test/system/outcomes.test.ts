/**
 * What comes out for each case that the system tests compare between runtimes: verdict and deciding
 * check. Each case but the good ones has one fault.
 *
 * @module
 */
import { expect } from 'vitest';
import { promise } from '../promises.ts';
import { bundleCases } from './bundle-cases.ts';
import { bytesOf, judge, optionsOf } from './judge.ts';
import { tdxCases } from './tdx-cases.ts';

const EXPECTED: Readonly<Record<string, string>> = {
  'TDX: good': 'simulated',
  'TDX: good, strict': 'undetermined tdx.platform',
  'TDX: good, default': 'undetermined workload.reference',
  'TDX: no anchor': 'simulated tdx.pck-chain',
  'TDX: no collateral': 'undetermined tdx.tcb-status',
  'TDX: half a year later': 'rejected tdx.tcb-info',
  'TDX: before it was made': 'rejected tdx.pck-chain',
  'TDX: quote version 5 with the layout of 4': 'rejected tdx.format',
  'TDX: debug TD': 'rejected tdx.debug',
  'TDX: no SEPT_VE_DISABLE': 'rejected tdx.sept-ve-disable',
  'TDX: quote signature with r = 0': 'rejected tdx.signature',
  'TDX: quote signature with s = 0': 'rejected tdx.signature',
  'TDX: quote signed by another key': 'rejected tdx.signature',
  'TDX: attestation key off the curve': 'rejected tdx.signature',
  'TDX: attestation key of zeros': 'rejected tdx.signature',
  'TDX: quoting enclave signed by another key': 'rejected tdx.qe-signature',
  'TDX: quoting enclave in debug mode': 'rejected tdx.qe-identity',
  'TDX: no authentication data': 'simulated',
  'TDX: text outside ASCII as certificate chain': 'rejected tdx.pck-chain',
  'TDX: certificates with bytes from 0x80 between them': 'rejected tdx.pck-chain',
  'TDX: trailing zeros': 'simulated',
  'TDX: a trailing byte': 'rejected tdx.format',
  'TDX: one byte too few': 'rejected tdx.format',
  'TDX: the header alone': 'rejected tdx.format',
  'TDX: nothing at all': 'rejected evidence.format',
  'TDX: expired PCK certificate': 'rejected tdx.pck-chain',
  'TDX: intermediate of another name': 'rejected tdx.pck-chain',
  'TDX: unknown critical extension': 'rejected tdx.pck-chain',
  'TDX: P-384 in the PCK certificate': 'rejected tdx.format',
  'TDX: PCK certificate signed by another key': 'rejected tdx.pck-chain',
  'TDX: revoked PCK certificate': 'rejected tdx.revocation',
  'TDX: revoked intermediate': 'rejected tdx.revocation',
  'TDX: garbage as revocation list': 'rejected tdx.revocation',
  'TDX: out-of-date TCB with advisories': 'rejected tdx.tcb-status',
  'TDX: revoked TCB': 'rejected tdx.tcb-status',
  'TDX: unknown TCB status in other scripts': 'rejected tdx.tcb-info',
  'TDX: duplicate key in TCB info': 'rejected tdx.tcb-info',
  'TDX: inexact number in TCB info': 'rejected tdx.tcb-info',
  'TDX: changed TCB info': 'rejected tdx.tcb-info',
  'TDX: no levels': 'rejected tdx.tcb-info',
  'TDX: another product in the QE identity': 'rejected tdx.qe-identity',
  'bundle: good': 'simulated',
  'bundle: good, strict': 'undetermined tdx.platform',
  'bundle: without its end': 'rejected bundle.format',
  'bundle: with text behind it': 'rejected bundle.format',
  'bundle: with a duplicate key': 'rejected bundle.format',
  'bundle: with a member __proto__': 'rejected bundle.format',
  'bundle: with a lone surrogate': 'rejected bundle.format',
  'bundle: with an unknown member in other scripts': 'rejected bundle.format',
  'bundle: that is not UTF-8': 'rejected bundle.format',
  'bundle: with a truncated character': 'rejected bundle.format',
  'bundle: with nesting of 100 000': 'rejected bundle.format',
  'bundle: with a number beyond a double': 'rejected bundle.format',
  'bundle: with base64 that is padded': 'rejected bundle.format',
  'bundle: whose hardware evidence is cut': 'rejected tdx.format',
  'bundle: of another technology': 'rejected evidence.format',
};

const cases = [...tdxCases(), ...(await bundleCases())];

promise('P7', 'every case has its expected outcome in the table', () => {
  expect(cases.map(({ name }) => name)).toEqual(Object.keys(EXPECTED));
});

for (const one of cases) {
  promise('P7', `${one.name}: ${EXPECTED[one.name]}`, async () => {
    const { verdict, decidedBy } = await judge(bytesOf(one.evidence), optionsOf(one));
    expect([verdict, decidedBy].filter((part) => part !== null).join(' ')).toBe(EXPECTED[one.name]);
  });
}
