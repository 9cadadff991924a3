import { type DcapCollateral, dcapCollateralShape, parseStrictJson } from '@vitrine/documents';
import { type CollateralChanges, forgePki, forSgx, revoking, withTcbStatus, zeroR } from '@vitrine/simulator/faults';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { missingVectors, readTextVector, readVector } from '../../../../test/vectors.ts';
import type { Fetch } from '../bounded-fetch.ts';
import { presets } from '../policy-file.ts';
import type { AttestationResult } from '../result.ts';
import type { HardwareOutcome } from '../technology.ts';
import { checkOf, deciding, idsOf, NOW, verifyForged } from '../testing/forged.ts';
import { verifyForgedSgx } from '../testing/forged-sgx.ts';
import { vendorEndorsements } from '../vendor-endorsements.ts';
import { type VerifyOptions, verify } from '../verify.ts';
import type { Origin } from './findings.ts';

const PAST = '2026-06-01T00:00:00Z';
const HOUR_MS = 3_600_000;
const past = new Date(NOW.getTime() - HOUR_MS / 2);
const future = new Date(NOW.getTime() + HOUR_MS);
const FOREIGN = forgePki({ now: NOW });

const after = (change: (good: DcapCollateral) => Partial<DcapCollateral>): CollateralChanges => ({
  after: (good) => ({ ...good, ...change(good) }),
});
/** Another digit at the end: a signature, or a list's signature, that is not good. */
const spoilt = (hex: string): string => `${hex.slice(0, -1)}${hex.endsWith('0') ? '1' : '0'}`;
const foreignSigner = { key: FOREIGN.tcbSigning.key, chain: [FOREIGN.tcbSigning.der, FOREIGN.root.der] };
/** What can be wrong with what a service answers, and the check that it belongs to. */
const UNUSABLE: readonly (readonly [what: string, check: string, changes: CollateralChanges])[] = [
  ['TCB info with a signature that is zero', 'tcb-info', { tcbInfoSignature: zeroR }],
  ['TCB info of a foreign signer', 'tcb-info', { tcbInfoSigner: foreignSigner }],
  ['TCB info that was changed', 'tcb-info', after(({ tcb_info }) => ({ tcb_info: tcb_info.replace('202', '203') }))],
  ['stale TCB info', 'tcb-info', { tcbInfo: (good) => ({ ...good, nextUpdate: PAST }) }],
  ['TCB info from the future', 'tcb-info', { tcbInfo: (good) => ({ ...good, issueDate: '2026-06-16T00:00:00Z' }) }],
  ['TCB info that is a page', 'tcb-info', after(() => ({ tcb_info: '<html></html>' }))],
  ['TCB info without levels', 'tcb-info', { tcbInfo: (good) => ({ ...good, tcbLevels: [] }) }],
  ['TCB info of another version', 'tcb-info', { tcbInfo: (good) => ({ ...good, version: 2 }) }],
  [
    'TCB info for another FMSPC that hides it',
    'tcb-info',
    { tcbInfo: ({ fmspc, ...good }) => ({ hidden: { fmspc }, ...good, fmspc: 'ffffffffffff' }) },
  ],
  ['an issuer chain of TCB info that is no PEM', 'tcb-info', after(() => ({ tcb_info_issuer_chain: '-' }))],
  ['QE identity with a signature that is zero', 'qe-identity', { qeIdentitySignature: zeroR }],
  ['QE identity of a foreign signer', 'qe-identity', { qeIdentitySigner: foreignSigner }],
  [
    'QE identity that was changed',
    'qe-identity',
    after(({ qe_identity }) => ({ qe_identity: qe_identity.replace('202', '203') })),
  ],
  ['stale QE identity', 'qe-identity', { qeIdentity: (good) => ({ ...good, nextUpdate: PAST }) }],
  [
    'QE identity of an older evaluation',
    'qe-identity',
    { qeIdentity: (good) => ({ ...good, tcbEvaluationDataNumber: 1 }) },
  ],
  ['QE identity that is a page', 'qe-identity', after(() => ({ qe_identity: '<html></html>' }))],
  ['QE identity of another enclave', 'qe-identity', { qeIdentity: (good) => ({ ...good, id: 'QVE' }) }],
  ['a root list that is badly signed', 'revocation', after((good) => ({ root_ca_crl: spoilt(good.root_ca_crl) }))],
  ['a stale root list', 'revocation', { rootCrl: (good) => ({ ...good, nextUpdate: past }) }],
  ['a root list from the future', 'revocation', { rootCrl: (good) => ({ ...good, thisUpdate: future }) }],
  ['a root list that is a page', 'revocation', after(() => ({ root_ca_crl: '3c68746d6c3e' }))],
  ['a root list of another issuer', 'revocation', after((good) => ({ root_ca_crl: good.pck_crl }))],
  ['a PCK list that is badly signed', 'revocation', after((good) => ({ pck_crl: spoilt(good.pck_crl) }))],
  ['a stale PCK list', 'revocation', { pckCrl: (good) => ({ ...good, nextUpdate: past }) }],
  ['a PCK list from the future', 'revocation', { pckCrl: (good) => ({ ...good, thisUpdate: future }) }],
  ['a PCK list that is empty', 'revocation', after(() => ({ pck_crl: '' }))],
  ['a PCK list of another issuer', 'revocation', after((good) => ({ pck_crl: good.root_ca_crl }))],
  ['an issuer chain of the PCK list that is no PEM', 'revocation', after(() => ({ pck_crl_issuer_chain: '-' }))],
];

/** What a genuine endorsement says against the evidence. */
const GENUINE: readonly (readonly [what: string, check: string, changes: CollateralChanges])[] = [
  ['a revoked PCK certificate', 'revocation', { pckCrl: revoking('pck') }],
  ['a revoked intermediate', 'revocation', { rootCrl: revoking('intermediate') }],
  ['a revoked TCB signing certificate', 'revocation', { rootCrl: revoking('tcbSigning') }],
  [
    'a revoked PCK certificate beside a root list that is a page',
    'revocation',
    { pckCrl: revoking('pck'), ...after(() => ({ root_ca_crl: '3c68746d6c3e' })) },
  ],
  [
    'a revoked intermediate beside a stale PCK list',
    'revocation',
    { rootCrl: revoking('intermediate'), pckCrl: (good) => ({ ...good, nextUpdate: past }) },
  ],
  ['firmware that is revoked', 'tcb-status', { tcbInfo: withTcbStatus('Revoked') }],
  ['firmware that is out of date', 'tcb-status', { tcbInfo: withTcbStatus('OutOfDate') }],
  ['another quoting enclave', 'qe-identity', { qeIdentity: (good) => ({ ...good, mrsigner: 'ab'.repeat(32) }) }],
  ['another product of the signer', 'qe-identity', { qeIdentity: (good) => ({ ...good, isvprodid: 9 }) }],
];

const TECHNOLOGIES: Readonly<
  Record<'tdx' | 'sgx', (collateral: CollateralChanges, origin: Origin) => Promise<HardwareOutcome>>
> = {
  tdx: (collateral, origin) => verifyForged({ collateral, origin }),
  sgx: (collateral, origin) => {
    const { tcbInfo, qeIdentity } = collateral;
    const both: CollateralChanges = {
      ...collateral,
      tcbInfo: (good) => forSgx.tcbInfo?.((tcbInfo?.(good) ?? good) as typeof good) ?? good,
      qeIdentity: (good) => {
        const changed = (qeIdentity?.(good) ?? good) as typeof good;
        return changed.id === 'TD_QE' ? (forSgx.qeIdentity?.(changed) ?? good) : changed;
      },
    };
    return verifyForgedSgx({ collateral: both, origin });
  },
};

describe.each(['tdx', 'sgx'] as const)('%s', (technology) => {
  const judge = TECHNOLOGIES[technology];

  for (const [what, name, changes] of UNUSABLE) {
    const check = `${technology}.${name}`;
    promise('P7', `${what}, fetched: ${check} is unavailable, and nothing failed`, async () => {
      const outcome = await judge(changes, 'fetched');
      expect(idsOf(outcome, 'failed')).toEqual([]);
      expect(checkOf(outcome, check)).toMatchObject({ status: 'unavailable' });
      const decidedBy = name === 'revocation' ? check : `${technology}.tcb-status`;
      expect(deciding(outcome)?.id).toBe(decidedBy);
      if (name !== 'revocation') expect(deciding(outcome)?.message).toContain(check);
    });

    promise('P7', `${what}, given: ${check} fails`, async () => {
      expect(idsOf(await judge(changes, 'given'), 'failed')).toEqual([check]);
    });
  }

  for (const [what, name, changes] of GENUINE) {
    const check = `${technology}.${name}`;
    promise('P7', `${what}: ${check} fails, whoever brought it`, async () => {
      for (const origin of ['fetched', 'given'] as const) {
        expect(idsOf(await judge(changes, origin), 'failed')).toEqual([check]);
      }
    });
  }

  promise('P7', 'good endorsements are good, whoever brought them', async () => {
    expect(deciding(await judge({}, 'fetched'))).toBeUndefined();
    expect(await judge({}, 'fetched')).toEqual(await judge({}, 'given'));
  });

  promise('P7', 'endorsements for another FMSPC are none, whoever brought them', async () => {
    for (const origin of ['fetched', 'given'] as const) {
      const outcome = await judge({ tcbInfo: (good) => ({ ...good, fmspc: 'ffffffffffff' }) }, origin);
      expect(idsOf(outcome, 'failed')).toEqual([]);
      expect(deciding(outcome)).toMatchObject({
        id: `${technology}.tcb-status`,
        status: 'unavailable',
        message: expect.stringMatching(/FMSPC ffffffffffff/) as string,
      });
    }
  });
});

const REAL = 'tdx/phala-tdx-v4-a';
const REAL_TIME = new Date('2025-07-04T10:24:15Z');
const MONTHS_LATER = new Date('2026-03-01T00:00:00Z');

function realCollateral(name: string): DcapCollateral {
  const parsed = dcapCollateralShape.parse(parseStrictJson(readTextVector(`${name}.collateral.json`)));
  if (!parsed.ok) throw new Error(`${name}: no collateral`);
  return parsed.value;
}

/** Answers like Intel's service, with its real collateral. */
function service(collateral: DcapCollateral): Fetch {
  const hex = (text: string): Response => new Response(Uint8Array.from(Buffer.from(text, 'hex')));
  return async (url) => {
    if (url.includes('/tcb?')) {
      const body = `{"tcbInfo":${collateral.tcb_info},"signature":"${collateral.tcb_info_signature}"}`;
      const chain = encodeURIComponent(collateral.tcb_info_issuer_chain);
      return new Response(body, { headers: { 'TCB-Info-Issuer-Chain': chain } });
    }
    if (url.includes('/qe/identity')) {
      const body = `{"enclaveIdentity":${collateral.qe_identity},"signature":"${collateral.qe_identity_signature}"}`;
      const chain = encodeURIComponent(collateral.qe_identity_issuer_chain);
      return new Response(body, { headers: { 'SGX-Enclave-Identity-Issuer-Chain': chain } });
    }
    if (!url.includes('/pckcrl?')) return hex(collateral.root_ca_crl);
    const list = hex(collateral.pck_crl);
    list.headers.set('SGX-PCK-CRL-Issuer-Chain', encodeURIComponent(collateral.pck_crl_issuer_chain));
    return list;
  };
}

const ENDPOINTS = {
  'TCB info': '/tcb?',
  'QE identity': '/qe/identity',
  'the PCK list': '/pckcrl?',
  'the root list': 'IntelSGXRootCA.der',
} as const;

/** What goes wrong at one endpoint, instead of its good answer. */
const FAULTS: Readonly<Record<string, (good: Response, signal: AbortSignal) => Response | Promise<Response>>> = {
  'is down': () => new Response(null, { status: 503 }),
  'is not known there': () => new Response(null, { status: 404 }),
  'cannot be reached': () => Promise.reject(new TypeError('fetch failed')),
  'does not come in time': (_, signal) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
  'has no end': ({ headers }) => new Response(new Uint8Array(2 << 20), { headers }),
  'is a page': ({ headers }) => new Response('<html></html>', { headers }),
  'is empty': ({ headers }) => new Response('', { headers }),
  'has another last digit': async (good) => {
    const body = Buffer.from(await good.arrayBuffer());
    // The last byte of a list, and of a JSON answer the last digit of its signature.
    const place = body.at(-1) === 0x7d ? body.length - 3 : body.length - 1;
    body[place] = body[place] === 0x30 ? 0x31 : 0x30;
    return new Response(body, { headers: good.headers });
  },
};

/** The check that explains a fault in an answer that can be read. */
const CHECKS: Readonly<Record<keyof typeof ENDPOINTS, string>> = {
  'TCB info': 'tdx.tcb-info',
  'QE identity': 'tdx.qe-identity',
  'the PCK list': 'tdx.revocation',
  'the root list': 'tdx.revocation',
};

describe('of a real machine', () => {
  const judge = (from: Partial<VerifyOptions>, now: Date = REAL_TIME): Promise<AttestationResult> =>
    verify(
      { kind: 'raw', bytes: readVector(`${REAL}.quote`) },
      { policy: presets['hardware-only'], now, endorsements: [], simulatorAnchors: [], ...from },
    );
  const fetchedBy = (fetch: Fetch, timeoutMs = 60_000): Partial<VerifyOptions> => ({
    fetchEndorsements: vendorEndorsements({ fetch, timeoutMs }),
  });

  promise.unless(missingVectors, 'P7', 'good answers verify', async () => {
    expect(await judge(fetchedBy(service(realCollateral(REAL))))).toMatchObject({ verdict: 'verified' });
  });

  for (const [name, part] of Object.entries(ENDPOINTS) as [keyof typeof ENDPOINTS, string][]) {
    for (const [what, fault] of Object.entries(FAULTS)) {
      promise.unless(missingVectors, 'P7', `${name} that ${what} leaves it undetermined`, async () => {
        const good = service(realCollateral(REAL));
        const bad: Fetch = async (url, init) => {
          const answer = await good(url, init);
          return url.includes(part) ? fault(answer, init.signal) : answer;
        };
        const { verdict, decidedBy, checks } = await judge(fetchedBy(bad, what.includes('time') ? 20 : 60_000));
        expect({ verdict, failed: checks.filter(({ status }) => status === 'failed') }).toEqual({
          verdict: 'undetermined',
          failed: [],
        });
        expect(['tdx.tcb-status', CHECKS[name]]).toContain(decidedBy);
        const { message = '' } = checks.find(({ id }) => id === decidedBy) ?? {};
        expect(decidedBy === CHECKS[name] || /Fetching them failed|rests on/.test(message)).toBe(true);
      });
    }
  }

  promise.unless(missingVectors, 'P7', 'what is stale is rejected where it was given, not where fetched', async () => {
    const collateral = realCollateral(REAL);
    const given = await judge({ endorsements: [collateral] }, MONTHS_LATER);
    expect(given).toMatchObject({ verdict: 'rejected', decidedBy: 'tdx.tcb-info' });
    const fetched = await judge(fetchedBy(service(collateral)), MONTHS_LATER);
    expect(fetched).toMatchObject({ verdict: 'undetermined', decidedBy: 'tdx.tcb-status' });
    expect(fetched.checks.find(({ id }) => id === 'tdx.tcb-info')).toMatchObject({
      status: 'unavailable',
      message: expect.stringContaining('stale') as string,
    });
  });

  promise.unless(missingVectors, 'P7', 'a fetcher is not asked to replace what was given and is bad', async () => {
    const good = realCollateral(REAL);
    const bad = { ...good, tcb_info_signature: '00'.repeat(64) };
    const result = await judge({ endorsements: [bad], ...fetchedBy(service(good)) });
    expect(result).toMatchObject({ verdict: 'rejected', decidedBy: 'tdx.tcb-info' });
  });

  promise.unless(missingVectors, 'P7', "another machine's TCB info, fetched, leaves it undetermined", async () => {
    const result = await judge(fetchedBy(service(realCollateral('tdx/flashbots-dcap'))));
    expect(result).toMatchObject({ verdict: 'undetermined', decidedBy: 'tdx.tcb-status' });
  });
});
