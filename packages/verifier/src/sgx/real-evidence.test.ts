import { type DcapCollateral, dcapCollateralShape, MalformedEvidenceError, parseStrictJson } from '@vitrine/documents';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { missingVectors, readTextVector, readVector } from '../../../../test/vectors.ts';
import { INTEL_ANCHORS } from '../dcap/anchors.ts';
import { checkOf, deciding, idsOf } from '../testing/forged.ts';
import { SGX_POLICY } from '../testing/forged-sgx.ts';
import type { SgxPolicy } from './policy.ts';
import { isSgxQuote, type SgxOutcome, sgxPlatform, verifySgx } from './verify-sgx.ts';

interface Row {
  readonly file: string;
  readonly endorsements: readonly string[];
  readonly at: string;
  readonly preset: string;
  readonly decidedBy: string | null;
}

/** Rows on SGX quotes; empty where the vectors are not there. */
const rows: readonly Row[] =
  missingVectors === false
    ? (JSON.parse(readTextVector('EXPECTED.json')) as readonly Row[]).filter(
        ({ file, preset }) => preset === 'hardware-only' && isSgxQuote(readVector(file)),
      )
    : [];

function collateralOf(path: string): DcapCollateral {
  const parsed = dcapCollateralShape.parse(parseStrictJson(readTextVector(path)));
  if (!parsed.ok) throw new Error(`${path} is no collateral`);
  return parsed.value;
}

function verifyRow(row: Omit<Row, 'preset' | 'decidedBy'>, policy: Partial<SgxPolicy> = {}): Promise<SgxOutcome> {
  return verifySgx(readVector(row.file), {
    collateral: row.endorsements.map(collateralOf),
    fetched: [],
    anchors: INTEL_ANCHORS,
    policy: { ...SGX_POLICY, ...policy },
    now: new Date(row.at),
  });
}

const PHALA = {
  file: 'sgx/phala-sgx.quote',
  endorsements: ['sgx/phala-sgx.collateral.json'],
  at: '2025-07-04T10:28:44Z',
};

describe('real SGX quotes', () => {
  for (const row of rows) {
    promise('P7', `${row.file} at ${row.at}: ${row.decidedBy ?? 'nothing stands against it'}`, async () => {
      expect(deciding(await verifyRow(row))?.id ?? null).toBe(row.decidedBy);
    });
  }

  promise.unless(missingVectors, 'P7', 'all of them are SGX quotes by their first bytes', () => {
    expect(rows.map(({ file }) => file).sort()).toEqual([
      'sgx/automata-v3.quote',
      'sgx/coco-occlum.quote',
      'sgx/oe-qve-thread.quote',
      'sgx/phala-sgx.quote',
    ]);
  });

  promise.unless(missingVectors, 'P7', 'a status and advisories that the policy names are accepted', async () => {
    const outcome = await verifyRow(PHALA, {
      tcbStatus: ['UpToDate', 'ConfigurationAndSWHardeningNeeded'],
      advisories: ['INTEL-SA-00289', 'INTEL-SA-00615'],
    });
    expect(deciding(outcome)).toBeUndefined();
    expect(outcome.claims).toMatchObject({
      technology: 'sgx',
      tcbStatus: 'ConfigurationAndSWHardeningNeeded',
      advisoryIds: ['INTEL-SA-00289', 'INTEL-SA-00615'],
      platform: { fmspc: '00a067110000', pceId: '0000' },
    });
  });

  promise.unless(missingVectors, 'P7', 'one advisory that is not named is refused', async () => {
    const outcome = await verifyRow(PHALA, {
      tcbStatus: ['ConfigurationAndSWHardeningNeeded'],
      advisories: ['INTEL-SA-00289'],
    });
    expect(idsOf(outcome, 'failed')).toEqual(['sgx.tcb-status']);
    expect(checkOf(outcome, 'sgx.tcb-status').message).toContain('INTEL-SA-00615');
  });

  promise.unless(
    missingVectors,
    'P7',
    'the identity of the enclave is in the claims, and can be demanded',
    async () => {
      const { claims } = await verifyRow(PHALA);
      const { mrenclave = '', mrsigner = '' } = claims?.registers ?? {};
      expect([mrenclave, mrsigner]).toEqual([
        expect.stringMatching(/^[0-9a-f]{64}$/),
        expect.stringMatching(/^[0-9a-f]{64}$/),
      ]);
      const good = await verifyRow(PHALA, { identity: [{ by: 'mrenclave', mrenclave }] });
      expect(checkOf(good, 'sgx.identity').status).toBe('passed');
      const swapped = await verifyRow(PHALA, { identity: [{ by: 'mrenclave', mrenclave: mrsigner }] });
      expect(checkOf(swapped, 'sgx.identity').status).toBe('failed');
    },
  );

  promise.unless(missingVectors, 'P7', 'collateral is refused a month later and before it was issued', async () => {
    for (const days of [-45, 45]) {
      const at = new Date(new Date(PHALA.at).getTime() + days * 86_400_000).toISOString();
      expect(idsOf(await verifyRow({ ...PHALA, at }), 'failed')).toContain('sgx.tcb-info');
    }
  });

  promise.unless(missingVectors, 'P7', 'collateral for TDX is no endorsement of an SGX platform', async () => {
    const outcome = await verifyRow({ ...PHALA, endorsements: ['tdx/flashbots-dcap.collateral.json'] });
    expect(deciding(outcome)).toMatchObject({ id: 'sgx.tcb-status', status: 'unavailable' });
  });

  promise.unless(
    missingVectors,
    'P7',
    'a quote without a PCK certificate is refused by the name of what it has',
    async () => {
      const sample = readVector('sgx/intel-qvl-sample/quote.dat');
      expect(isSgxQuote(sample)).toBe(true);
      const error: unknown = await verifySgx(sample, {
        collateral: [],
        fetched: [],
        anchors: INTEL_ANCHORS,
        policy: SGX_POLICY,
        now: new Date('2023-11-14T22:13:20Z'),
      }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(MalformedEvidenceError);
      expect(error).toMatchObject({
        check: 'sgx.format',
        message: expect.stringContaining('PPID in plain text') as string,
      });
    },
  );

  promise.unless(missingVectors, 'P7', 'containers of Open Enclave are not taken for quotes', () => {
    for (const file of ['sgx/oe-plugin.evidence.bin', 'sgx/oe-report-bad.bin', 'sgx/oe-sgx_cert_ec_bad.der']) {
      const bytes = readVector(file);
      if (isSgxQuote(bytes)) expect(() => sgxPlatform(bytes)).toThrow(MalformedEvidenceError);
      else expect(isSgxQuote(bytes)).toBe(false);
    }
  });

  promise.unless(missingVectors, 'P7', 'reports of other technologies are not taken for quotes', () => {
    for (const file of ['snp/google-milan.report.bin', 'snp/coco-vlek.report.bin', 'snp/oak-genoa_oc.report.bin']) {
      expect(isSgxQuote(readVector(file))).toBe(false);
    }
  });
});
