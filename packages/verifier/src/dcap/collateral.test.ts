/**
 * Which collateral is taken for a platform, by what its text seems to say, and answers of Intel's
 * service that are not of its shape.
 *
 * @module
 */
import { type DcapCollateral, MalformedEvidenceError } from '@vitrine/documents';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { chooseCollateral, collateralFromPcs } from './collateral.ts';

const NOW = new Date('2026-06-15T12:00:00.000Z');
const IDS = { fmspc: '00a06d080000', pceId: '00ff' };

interface Hint {
  readonly id: string;
  readonly fmspc: string;
  readonly pceId: string;
  readonly issueDate: string;
  readonly nextUpdate: string;
  readonly tcbEvaluationDataNumber: number;
}

const GOOD: Hint = {
  id: 'TDX',
  fmspc: IDS.fmspc,
  pceId: IDS.pceId,
  issueDate: '2026-06-01T00:00:00Z',
  nextUpdate: '2026-07-01T00:00:00Z',
  tcbEvaluationDataNumber: 18,
};

/** Collateral of which only the text of TCB info matters. */
function collateral(changes: Partial<Hint>, colon = ':'): DcapCollateral {
  const members = Object.entries({ ...GOOD, ...changes }).map(
    ([name, value]) => `"${name}"${colon}${JSON.stringify(value)}`,
  );
  const rest = {
    pck_crl_issuer_chain: '',
    root_ca_crl: '',
    pck_crl: '',
    tcb_info_issuer_chain: '',
    tcb_info_signature: '',
    qe_identity_issuer_chain: '',
    qe_identity: '',
    qe_identity_signature: '',
  };
  return { ...rest, tcb_info: `{${members.join(',')}}` };
}

const choose = (given: readonly DcapCollateral[], technology: 'tdx' | 'sgx' = 'tdx') =>
  chooseCollateral(given, IDS, technology, NOW);

const better: readonly [what: string, worse: Partial<Hint>, better: Partial<Hint>][] = [
  ['of the technology', { id: 'SGX' }, {}],
  ['of the technology, though stale', { id: 'SGX' }, { nextUpdate: '2026-06-02T00:00:00Z' }],
  ['in force, not over', { nextUpdate: '2026-06-15T11:59:59Z', tcbEvaluationDataNumber: 99 }, {}],
  ['in force, not to come', { issueDate: '2026-06-16T00:00:00Z', tcbEvaluationDataNumber: 99 }, {}],
  [
    'in force since this moment',
    { issueDate: '2026-06-15T12:00:00.001Z', tcbEvaluationDataNumber: 99 },
    { issueDate: '2026-06-15T12:00:00.000Z' },
  ],
  [
    'in force up to this moment',
    { nextUpdate: '2026-06-15T11:59:59.999Z', tcbEvaluationDataNumber: 99 },
    { nextUpdate: '2026-06-15T12:00:00.000Z' },
  ],
  ['of the higher evaluation', { issueDate: '2026-06-14T00:00:00Z' }, { tcbEvaluationDataNumber: 19 }],
  ['of the higher evaluation as a number', { tcbEvaluationDataNumber: 9 }, {}],
  ['issued later', {}, { issueDate: '2026-06-02T00:00:00Z' }],
  ['for the platform', { fmspc: '00a06d080001', tcbEvaluationDataNumber: 99 }, {}],
  ['for the enclave', { pceId: '0000', tcbEvaluationDataNumber: 99 }, {}],
  ['whose platform can be told', { fmspc: '' }, {}],
];

describe('of two', () => {
  for (const [what, worse, good] of better) {
    for (const colon of [':', ' : ', '\n:\t']) {
      promise('P7', `the one ${what} is taken, whichever stands first, with ${JSON.stringify(colon)}`, () => {
        const [left, right] = [collateral(worse, colon), collateral(good, colon)];
        expect(choose([left, right])).toMatchObject({ collateral: right });
        expect(choose([right, left])).toMatchObject({ collateral: right });
      });
    }
  }

  promise('P7', 'the one of the other technology is taken for that one', () => {
    const [tdx, sgx] = [collateral({}), collateral({ id: 'SGX' })];
    expect(choose([tdx, sgx], 'sgx')).toMatchObject({ collateral: sgx });
    expect(choose([sgx, tdx], 'sgx')).toMatchObject({ collateral: sgx });
  });

  promise('P7', 'the first is taken where nothing tells them apart', () => {
    const [left, right] = [collateral({}), collateral({})];
    expect(choose([left, right]).collateral).toBe(left);
    expect(choose([right, left]).collateral).toBe(right);
  });
});

describe('where none fits', () => {
  promise('P7', 'one that does not say for what it is, is taken and found wanting later', () => {
    for (const change of [{ fmspc: '' }, { pceId: '' }, { fmspc: '00a06d08' }, { pceId: 'none' }]) {
      const unreadable = collateral(change);
      expect(choose([collateral({ fmspc: '00a06d080001' }), unreadable]).collateral).toBe(unreadable);
    }
  });

  promise('P7', 'the reason names what is wanted and what there is', () => {
    const wanted = 'there are no endorsements for FMSPC 00a06d080000 PCE 00ff';
    expect(choose([])).toEqual({ collateral: undefined, reason: `${wanted}: none were given` });
    expect(choose([collateral({ fmspc: '00A06D080001' }), collateral({ pceId: 'ABCD' })])).toEqual({
      collateral: undefined,
      reason: `${wanted}: given were those of FMSPC 00a06d080001 PCE 00ff; FMSPC 00a06d080000 PCE abcd`,
    });
  });

  promise('P7', 'capital digits are the same digits', () => {
    const given = collateral({ fmspc: IDS.fmspc.toUpperCase(), pceId: IDS.pceId.toUpperCase() });
    expect(choose([given]).collateral).toBe(given);
  });
});

describe('an answer of the service', () => {
  const signature = 'ab'.repeat(64);
  const cut = (tcbInfo: string) =>
    collateralFromPcs({
      tcbInfo,
      qeIdentity: `{"enclaveIdentity":{},"signature":"${signature}"}`,
      tcbInfoIssuerChain: '',
      qeIdentityIssuerChain: '',
      pckCrlIssuerChain: '',
      rootCaCrl: new Uint8Array(),
      pckCrl: new Uint8Array(),
    });

  for (const [what, body] of [
    ['with null inside', `{"tcbInfo":null,"signature":"${signature}"}`],
    ['with a number inside', `{"tcbInfo":1,"signature":"${signature}"}`],
    ['with digits before its signature', `{"tcbInfo":{},"signature":"00${signature}"}`],
    ['with digits behind its signature', `{"tcbInfo":{},"signature":"${signature}00"}`],
    ['with a line behind its signature', `{"tcbInfo":{},"signature":"${signature}\\n"}`],
    ['with a list as its signature', `{"tcbInfo":{},"signature":["${signature}"]}`],
    ['with a signature of other letters', `{"tcbInfo":{},"signature":"${'xy'.repeat(64)}"}`],
    ['that is two letters', '"ab"'],
  ] as const) {
    promise('P7', `${what} is malformed`, () => {
      expect(() => cut(body)).toThrow(MalformedEvidenceError);
      expect(() => cut(body)).toThrow(/the answer is not \{"tcbInfo"/);
    });
  }

  promise('P7', 'is cut where its object ends, whatever stands in texts inside', () => {
    for (const inner of ['{}', '{"a":"}"}', '{"a":"\\""}', '{"a":"\\\\"}', '{"a":{"b":{}},"c":"{"}']) {
      expect(cut(`{"tcbInfo":${inner},"signature":"${signature}"}`).tcb_info).toBe(inner);
    }
  });
});
