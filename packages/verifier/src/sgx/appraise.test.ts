import { MalformedEvidenceError, sameBytes } from '@vitrine/documents';
import {
  forgeCollateral,
  forgePki,
  forgeQuote,
  forSgx,
  generateKeyPair,
  type QeReport,
  revoking,
  withBit,
  withTcbStatus,
  zeroR,
} from '@vitrine/simulator/faults';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { anchorOf, deciding, idsOf, NOW } from '../testing/forged.ts';
import { SGX_POLICY, type SgxChanges, verifyForgedSgx } from '../testing/forged-sgx.ts';
import { SGX_CHECKS } from './checks.ts';
import { parseSgxQuote } from './parse.ts';
import { sgxPolicyShape } from './policy.ts';
import { isSgxQuote, verifySgx } from './verify-sgx.ts';

const enclave = (change: (good: QeReport) => QeReport): SgxChanges => ({ quote: { enclave: change } });
const flag = (bit: number, value: boolean): SgxChanges =>
  enclave((good) => ({ ...good, attributes: withBit(good.attributes, bit, value) }));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('good SGX evidence', () => {
  promise('P7', 'passes every check that the policy does not waive, in the documented order', async () => {
    const outcome = await verifyForgedSgx();
    expect(outcome.checks.map(({ id }) => id)).toEqual(SGX_CHECKS.map(({ id }) => id));
    expect(idsOf(outcome, 'waived')).toEqual(['sgx.kss', 'sgx.identity', 'sgx.platform']);
    expect(deciding(outcome)).toBeUndefined();
    expect(outcome.claims).toMatchObject({ technology: 'sgx', anchor: 'test-root', tcbStatus: 'UpToDate' });
  });

  for (const version of [4, 5]) {
    promise('P7', `of quote version ${version} passes too`, async () => {
      const outcome = await verifyForgedSgx({
        quote: { enclave: (good) => good, header: (good) => ({ ...good, version }) },
      });
      expect(deciding(outcome)).toBeUndefined();
    });
  }
});

describe('SGX evidence that is wrong in one place', () => {
  const KSS = { configId: 'any', minimumConfigSvn: 0, isvExtProdId: 'any', isvFamilyId: 'any' } as const;
  const SIGNER = { by: 'mrsigner', mrsigner: 'ab'.repeat(32), isvProdId: 1, minimumIsvSvn: 2 } as const;
  const bySigner = (change: object): SgxChanges => ({
    quote: { enclave: (good) => ({ ...good, mrSigner: new Uint8Array(32).fill(0xab) }) },
    policy: { identity: [{ ...SIGNER, ...change }] },
  });
  const cases: readonly [name: string, check: string, changes: SgxChanges][] = [
    ['an extracted key signs', 'sgx.qe-signature', { quote: { qeReportSigner: generateKeyPair() } }],
    [
      'another attestation key',
      'sgx.qe-binding',
      { quote: { qeReport: (good) => ({ ...good, reportData: new Uint8Array(64) }) } },
    ],
    [
      'more in the report data of the quoting enclave',
      'sgx.qe-binding',
      { quote: { qeReport: (good) => ({ ...good, reportData: withBit(good.reportData, 511, true) }) } },
    ],
    ['a signature with r = 0', 'sgx.signature', { quote: { quoteSignature: zeroR } }],
    ['DEBUG', 'sgx.debug', flag(1, true)],
    ['no INIT', 'sgx.attributes', flag(0, false)],
    ['no MODE64', 'sgx.attributes', flag(2, false)],
    ['PROVISION_KEY', 'sgx.attributes', flag(4, true)],
    ['EINITTOKEN_KEY', 'sgx.attributes', flag(5, true)],
    ['a reserved flag', 'sgx.attributes', flag(3, true)],
    ['the last reserved flag', 'sgx.attributes', flag(63, true)],
    ['XFRM without SSE', 'sgx.attributes', flag(65, false)],
    ['another MISCSELECT', 'sgx.miscselect', enclave((good) => ({ ...good, miscSelect: Uint8Array.of(1, 0, 0, 0) }))],
    ['another CONFIGID', 'sgx.kss', { policy: { kss: [{ ...KSS, configId: 'ab'.repeat(64) }] } }],
    ['a CONFIGSVN that is too low', 'sgx.kss', { policy: { kss: [{ ...KSS, minimumConfigSvn: 1 }] } }],
    ['another ISVEXTPRODID', 'sgx.kss', { policy: { kss: [{ ...KSS, isvExtProdId: 'ab'.repeat(16) }] } }],
    ['another ISVFAMILYID', 'sgx.kss', { policy: { kss: [{ ...KSS, isvFamilyId: 'ab'.repeat(16) }] } }],
    ['another MRENCLAVE', 'sgx.identity', { policy: { identity: [{ by: 'mrenclave', mrenclave: 'ab'.repeat(32) }] } }],
    ['another MRSIGNER', 'sgx.identity', bySigner({ mrsigner: 'cd'.repeat(32) })],
    ['another ISVPRODID', 'sgx.identity', bySigner({ isvProdId: 2 })],
    ['an ISVSVN that is too low', 'sgx.identity', bySigner({ minimumIsvSvn: 3 })],
    ['a machine that is not listed', 'sgx.platform', { policy: { platforms: ['ab'.repeat(16)] } }],
    [
      'outdated firmware',
      'sgx.tcb-status',
      { collateral: { tcbInfo: (good) => forSgx.tcbInfo?.(withTcbStatus('OutOfDate')(good)) ?? good } },
    ],
    ['TCB info of TDX', 'sgx.tcb-info', { collateral: { tcbInfo: (good) => good } }],
    ['a changed TCB info', 'sgx.tcb-info', { collateral: { tcbInfoSignature: zeroR } }],
    ['QE identity of TDX', 'sgx.qe-identity', { collateral: { qeIdentity: (good) => good } }],
    [
      'another signer of the quoting enclave',
      'sgx.qe-identity',
      { quote: { qeReport: (good) => ({ ...good, mrSigner: new Uint8Array(32) }) } },
    ],
    ['a revoked PCK certificate', 'sgx.revocation', { collateral: { pckCrl: revoking('pck') } }],
    [
      'a PCK list of one zero byte',
      'sgx.revocation',
      { collateral: { after: (good) => ({ ...good, pck_crl: '00' }) } },
    ],
  ];
  for (const [name, check, changes] of cases) {
    promise('P7', `${name}: ${check} fails alone`, async () => {
      const outcome = await verifyForgedSgx({ ...changes, quote: { enclave: (good) => good, ...changes.quote } });
      expect(idsOf(outcome, 'failed')).toEqual([check]);
    });
  }

  promise('P7', 'a foreign root: sgx.pck-chain fails alone', async () => {
    const other = forgePki({ now: NOW });
    const outcome = await verifyForgedSgx({ anchors: () => [anchorOf(other)] });
    expect(idsOf(outcome, 'failed')).toEqual(['sgx.pck-chain']);
    expect(outcome.claims).toBeUndefined();
    expect(outcome.simulatorMarker).toBe(true);
    expect(outcome.unverified).toMatchObject({ mrenclave: expect.any(String) as string });
  });

  promise('P7', 'without endorsements the firmware is not judged', async () => {
    const outcome = await verifyForgedSgx({ collateral: () => [] });
    expect(deciding(outcome)).toMatchObject({ id: 'sgx.tcb-status', status: 'unavailable' });
  });
});

describe('SGX policies', () => {
  promise('P7', 'values that the policy lists pass', async () => {
    const configId = new Uint8Array(64).fill(1);
    const outcome = await verifyForgedSgx({
      quote: {
        enclave: (good) => ({
          ...good,
          attributes: withBit(withBit(good.attributes, 4, true), 7, true),
          miscSelect: Uint8Array.of(1, 0, 0, 0),
          configId,
          configSvn: 3,
          isvExtProdId: new Uint8Array(16).fill(2),
          isvFamilyId: new Uint8Array(16).fill(3),
        }),
      },
      policy: {
        provisionKey: 'any',
        miscselect: ['00000000', '01000000'],
        kss: [
          {
            configId: hexOf(configId),
            minimumConfigSvn: 3,
            isvExtProdId: '02'.repeat(16),
            isvFamilyId: '03'.repeat(16),
          },
        ],
      },
    });
    expect(deciding(outcome)).toBeUndefined();
    expect(outcome.claims?.registers).toMatchObject({ configid: '01'.repeat(64), configsvn: '0300', isvsvn: '0200' });
  });

  promise('P7', 'what is any is waived, not passed', async () => {
    const outcome = await verifyForgedSgx({ ...flag(1, true), policy: { debug: 'any', miscselect: 'any' } });
    expect(idsOf(outcome, 'waived')).toEqual([
      'sgx.debug',
      'sgx.miscselect',
      'sgx.kss',
      'sgx.identity',
      'sgx.platform',
    ]);
    expect(deciding(outcome)).toBeUndefined();
  });

  promise('P3', 'empty lists and unknown ways to name an enclave are no policy', () => {
    expect(sgxPolicyShape.parse(SGX_POLICY).ok).toBe(true);
    for (const change of [
      { identity: [] },
      { kss: [] },
      { miscselect: [] },
      { identity: [{ by: 'name' }] },
      { debug: 'ok' },
    ]) {
      expect(sgxPolicyShape.parse({ ...SGX_POLICY, ...change }).ok).toBe(false);
    }
  });
});

describe('bytes of SGX quotes', () => {
  const pki = forgePki({ now: NOW });
  const quote = forgeQuote(pki, { enclave: (good) => good });
  const collateral = [forgeCollateral(pki, forSgx)];
  const accepted = async (bytes: Uint8Array<ArrayBuffer>): Promise<boolean> => {
    try {
      return (
        deciding(
          await verifySgx(bytes, { collateral, fetched: [], anchors: [anchorOf(pki)], policy: SGX_POLICY, now: NOW }),
        ) === undefined
      );
    } catch (error) {
      expect(error).toBeInstanceOf(MalformedEvidenceError);
      return false;
    }
  };

  promise('P7', 'one changed bit is never accepted', async () => {
    expect(await accepted(quote)).toBe(true);
    for (let position = 0; position < quote.length; position += position < 1100 ? 7 : 31) {
      const changed = Uint8Array.from(quote);
      changed[position] = (changed[position] ?? 0) ^ (1 << (position & 7));
      expect([position, await accepted(changed)]).toEqual([position, false]);
    }
  });

  promise('P7', 'any bytes are a quote or malformed evidence', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 2000 }),
      fc.tuple(fc.nat(quote.length - 1), fc.uint8Array({ minLength: 1, maxLength: 8 })).map(([offset, patch]) => {
        const changed = Uint8Array.from(quote);
        changed.set(patch.subarray(0, changed.length - offset), offset);
        return changed;
      }),
      fc.nat(quote.length).map((length) => quote.slice(0, length)),
    );
    fc.assert(
      fc.property(bytes, (one) => {
        try {
          parseSgxQuote(Uint8Array.from(one));
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedEvidenceError);
        }
      }),
    );
  });

  promise('P7', 'a TDX quote is none, and an SGX quote is no TDX quote', async () => {
    const tdx = forgeQuote(pki);
    expect([isSgxQuote(tdx), isSgxQuote(quote)]).toEqual([false, true]);
    expect(sameBytes(tdx, quote)).toBe(false);
    expect(() => parseSgxQuote(tdx)).toThrow(/TEE type 0x81 is not the expected 0x0/);
  });

  for (const [type, name] of [
    [1, 'PPID in plain text'],
    [2, 'RSA-2048'],
    [3, 'RSA-3072'],
    [4, 'leaf certificate alone'],
    [9, 'unknown'],
  ] as const) {
    promise('P7', `certification data of type ${type} is refused by its name`, () => {
      const other = forgeQuote(pki, { enclave: (good) => good, certificationDataType: type });
      expect(() => parseSgxQuote(other)).toThrow(new RegExp(`type ${type} \\(.*${name}`));
    });
  }
});
