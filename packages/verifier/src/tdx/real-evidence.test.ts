import { type DcapCollateral, dcapCollateralShape, MalformedEvidenceError, parseStrictJson } from '@vitrine/documents';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { missingVectors, readTextVector, readVector } from '../../../../test/vectors.ts';
import { INTEL_ANCHORS, INTEL_SGX_ROOT_FINGERPRINT } from '../dcap/anchors.ts';
import { sha256 } from '../platform/crypto-node.ts';
import { deciding, idsOf, POLICY } from '../testing/forged.ts';
import { parseCertificate } from '../x509/certificate.ts';
import { parsePemChain } from '../x509/pem.ts';
import { isTdxQuote, tdxPlatform, verifyTdx } from './verify-tdx.ts';

interface Row {
  readonly file: string;
  readonly endorsements: readonly string[];
  readonly at: string;
  readonly preset: string;
  readonly decidedBy: string | null;
}

/** Rows on TDX quotes; empty where the vectors are not there. */
const rows: readonly Row[] =
  missingVectors === false
    ? (JSON.parse(readTextVector('EXPECTED.json')) as readonly Row[]).filter(({ file, preset }) => {
        return preset === 'hardware-only' && isTdxQuote(readVector(file));
      })
    : [];

function collateralOf(path: string): DcapCollateral {
  const parsed = dcapCollateralShape.parse(parseStrictJson(readTextVector(path)));
  if (!parsed.ok) throw new Error(`${path} is no collateral`);
  return parsed.value;
}

async function decidingCheck(row: Row, bytes = readVector(row.file)): Promise<string | null> {
  try {
    const outcome = await verifyTdx(bytes, {
      collateral: row.endorsements.map(collateralOf),
      fetched: [],
      anchors: INTEL_ANCHORS,
      policy: POLICY,
      now: new Date(row.at),
    });
    return deciding(outcome)?.id ?? null;
  } catch (error) {
    if (error instanceof MalformedEvidenceError) return error.check;
    throw error;
  }
}

describe('real TDX quotes of versions 4 and 5', () => {
  for (const row of rows) {
    promise('P7', `${row.file} at ${row.at}: ${row.decidedBy ?? 'nothing stands against it'}`, async () => {
      expect(await decidingCheck(row)).toBe(row.decidedBy);
    });
  }

  promise.unless(missingVectors, 'P7', 'every kind of outcome is among them', () => {
    expect(new Set(rows.map(({ decidedBy }) => decidedBy))).toEqual(
      new Set([null, 'tdx.tcb-status', 'tdx.format', 'tdx.sept-ve-disable', 'tdx.service-td', 'tdx.pck-chain']),
    );
  });

  promise.unless(
    missingVectors,
    'P7',
    'cut at its declared end, google-spr-e4 is read, and refused for SEPT_VE_DISABLE',
    async () => {
      const row = {
        file: 'tdx/google-spr-e4.quote',
        endorsements: [],
        at: '2026-03-31T22:18:46Z',
        preset: '',
        decidedBy: null,
      };
      expect(await decidingCheck(row, readVector(row.file).slice(0, 4935))).toBe('tdx.sept-ve-disable');
    },
  );

  promise.unless(missingVectors, 'P7', 'collateral of one machine type is no endorsement of another', async () => {
    const row = rows.find(({ file }) => file === 'tdx/phala-near.quote');
    if (row === undefined) throw new Error('no such row');
    expect(await decidingCheck({ ...row, endorsements: ['tdx/phala-tdx-v4-a.collateral.json'] })).toBe(
      'tdx.tcb-status',
    );
  });

  promise.unless(
    missingVectors,
    'P7',
    'collateral that was good is refused a month later, and before it was issued',
    async () => {
      for (const row of rows.filter(({ decidedBy }) => decidedBy === null)) {
        for (const days of [-45, 45]) {
          const at = new Date(new Date(row.at).getTime() + days * 86_400_000).toISOString();
          expect(await decidingCheck({ ...row, at })).toBe('tdx.tcb-info');
        }
      }
    },
  );

  promise.unless(missingVectors, 'P7', 'the platform to fetch endorsements for is read from the quote', () => {
    expect(tdxPlatform(readVector('tdx/flashbots-dcap.quote'))).toEqual({
      fmspc: '00806f050000',
      pceId: '0000',
      ca: 'platform',
    });
    expect(() => tdxPlatform(readVector('tdx/intel-qvl-sample/quote.dat'))).toThrow(MalformedEvidenceError);
  });

  promise.unless(missingVectors, 'P7', "the compiled-in anchor is Intel's published root", async () => {
    const [der = new Uint8Array()] = parsePemChain(readTextVector('tdx/intel-sgx-root-ca.pem'), 1, 'root');
    expect(Buffer.from(await sha256(der)).toString('hex')).toBe(INTEL_SGX_ROOT_FINGERPRINT);
    expect(parseCertificate(der, 'root').publicKey).toEqual(INTEL_ANCHORS[0]?.publicKey);
  });

  promise.unless(
    missingVectors,
    'P7',
    "Intel's sample evidence under its test root is refused with every anchor that ships",
    async () => {
      const outcome = await verifyTdx(readVector('tdx/intel-qvl-sample/quote.dat'), {
        collateral: [],
        fetched: [],
        anchors: INTEL_ANCHORS,
        policy: POLICY,
        now: new Date('2023-11-14T22:13:20Z'),
      });
      expect(idsOf(outcome, 'failed')).toEqual(['tdx.pck-chain']);
      expect(outcome.simulatorMarker).toBe(false);
    },
  );
});
