/**
 * Real SEV-SNP reports with AMD's own certificates, and single changed bits in them.
 *
 * @module
 */
import { X509Certificate } from 'node:crypto';
import { toHex } from '@vitrine/documents';
import { describe, expect, test } from 'vitest';
import { sha256 } from '#crypto';
import { promise } from '../../../../test/promises.ts';
import { missingVectors, readTextVector, readVector } from '../../../../test/vectors.ts';
import { presets } from '../policy-file.ts';
import type { HardwareOutcome, PlatformHint } from '../technology.ts';
import { SNP_POLICY } from '../testing/forged-snp.ts';
import { verify } from '../verify.ts';
import { parsePemChain } from '../x509/pem.ts';
import { AMD_ROOT_FINGERPRINTS, amdAnchors } from './anchors.ts';
import { parseLeaf } from './leaf.ts';
import type { SnpPolicy } from './policy.ts';
import { showTcb } from './product.ts';
import { snpPlatform, verifySnp } from './verify-snp.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const GENOA = ['snp/oak-genoa_oc.report.bin', 'snp/oak-genoa_oc.vcek.der', '2025-09-06T00:00:00Z'] as const;

function certificates(path: string): readonly Bytes[] {
  return path.endsWith('.pem') ? parsePemChain(readTextVector(path), 1, path) : [readVector(path)];
}

function verifyReal(
  report: Bytes,
  given: readonly Bytes[],
  at: string,
  policy: Partial<SnpPolicy> = {},
): Promise<HardwareOutcome> {
  return verifySnp(report, {
    endorsements: { dcap: [], certificates: given, revocationLists: [] },
    policy: { ...SNP_POLICY, ...policy },
    now: new Date(at),
  });
}

function deciding({ checks }: HardwareOutcome): string | undefined {
  return (checks.find(({ status }) => status === 'failed') ?? checks.find(({ status }) => status === 'unavailable'))
    ?.id;
}

describe('real evidence', () => {
  interface Row {
    readonly file: string;
    readonly endorsements: readonly string[];
    readonly at: string;
    readonly verdict: string;
    readonly decidedBy: string;
  }
  const rows =
    missingVectors === false
      ? rowsOf<Row>(JSON.parse(readTextVector('EXPECTED.json')), (file) => /^snp\/.*\.report\.bin$/.test(file))
      : [];
  for (const { file, endorsements, at, verdict, decidedBy } of rows) {
    promise('P7', `${file} is ${verdict} by ${decidedBy}`, async () => {
      const outcome = await verifyReal(readVector(file), endorsements.flatMap(certificates), at);
      expect(deciding(outcome)).toBe(decidedBy);
      expect(outcome.checks.some(({ status }) => status === 'failed')).toBe(verdict === 'rejected');
      // The signatures are good in each of them: nothing else is why they are refused.
      expect(outcome.claims).toBeDefined();
    });
  }

  promise.unless(missingVectors, 'P7', 'Milan passes where the policy accepts it and only then', async () => {
    const { checks } = await verifyReal(
      readVector('snp/oak-milan_oc_release.report.bin'),
      certificates('snp/oak-milan_oc_release.vcek.der'),
      '2025-02-14T00:00:00Z',
      { products: ['Milan'], revocation: 'any' },
    );
    expect(checks.filter(({ status }) => status === 'failed' || status === 'unavailable')).toEqual([]);
  });

  for (const file of ['snp/secretvm-amd_cpu_quote.report.bin', 'snp/secretvm-amd_cpu_docker_check_quote.report.bin']) {
    promise.unless(missingVectors, 'P7', `${file} has no certificate, so nothing is proven`, async () => {
      const outcome = await verifyReal(readVector(file), [], '2026-03-01T00:00:00Z');
      expect(deciding(outcome)).toBe('snp.vcek-chain');
      expect(outcome.claims).toBeUndefined();
      expect(snpPlatform(readVector(file))).toMatchObject({ products: ['Genoa'], signer: 'vcek' });
    });
  }

  promise.unless(
    missingVectors,
    'P7',
    'a parsed Bergamo report, put together again, is signed by its VCEK',
    async () => {
      const { report, vcek } = bergamo(readTextVector('snp/coco-e2e.evidence.json'));
      const outcome = await verifyReal(report, [vcek], '2026-01-01T00:00:00Z');
      expect(deciding(outcome)).toBe('snp.revocation');
      expect(outcome.claims?.platform).toMatchObject({ product: 'Genoa', cpuid: 'family 19h model A0h stepping 2' });
    },
  );

  promise.unless(missingVectors, 'P7', "Turin's certificate names its FMC and eight bytes of chip", () => {
    const leaf = parseLeaf(readVector('snp/virtee-turin.vcek.der'));
    expect(leaf).toMatchObject({ kind: 'vcek', product: 'Turin' });
    expect(showTcb('Turin', leaf.tcb)).toMatch(/^fmc \d+, bootloader \d+, tee \d+, snp \d+, microcode \d+$/);
    expect(leaf.hardwareId).toHaveLength(8);
  });
});

describe("AMD's roots", () => {
  test('have the digests that are documented', async () => {
    for (const { product, root } of amdAnchors())
      expect(toHex(await sha256(root))).toBe(AMD_ROOT_FINGERPRINTS[product]);
  });

  test('and their authorities are what Node reads in them', () => {
    for (const { product, root, authorities } of amdAnchors()) {
      const ark = new X509Certificate(root);
      expect(ark.subject).toContain(`CN=ARK-${product}`);
      for (const der of authorities) expect(new X509Certificate(der).verify(ark.publicKey)).toBe(true);
    }
  });

  for (const product of ['milan', 'genoa', 'turin']) {
    promise.unless(missingVectors, 'P7', `of ${product} are the published ones`, () => {
      const files = product === 'turin' ? ['turin_vcek', 'turin_vlek'] : [product, `${product}_vlek`];
      const published = files.flatMap((file) =>
        parsePemChain(readTextVector(`snp/roots/ask_ark_${file}.pem`), 2, file),
      );
      const anchor = amdAnchors().find(({ name }) => name === `amd-ark-${product}`);
      const ours = [anchor?.root, ...(anchor?.authorities ?? [])].map((der) => toHex(der ?? new Uint8Array()));
      expect(new Set(published.map(toHex))).toEqual(new Set(ours));
    });
  }
});

describe('one changed bit', () => {
  const step = 37;
  promise.unless(missingVectors, 'P7', 'in a real report never gives claims', async () => {
    const [report, vcek, at] = [readVector(GENOA[0]), readVector(GENOA[1]), GENOA[2]];
    for (let bit = 0; bit < report.length * 8; bit += step) {
      const changed = flip(report, bit);
      const outcome = await verifyReal(changed, [vcek], at).catch(() => undefined);
      expect(outcome?.claims, `bit ${bit}`).toBeUndefined();
    }
  });

  promise.unless(missingVectors, 'P7', 'in a real VCEK never gives claims', async () => {
    const [report, vcek, at] = [readVector(GENOA[0]), readVector(GENOA[1]), GENOA[2]];
    for (let bit = 0; bit < vcek.length * 8; bit += step) {
      const outcome = await verifyReal(report, [flip(vcek, bit)], at);
      expect(outcome.claims, `bit ${bit}`).toBeUndefined();
    }
  });
});

function flip(bytes: Bytes, bit: number): Bytes {
  return Uint8Array.from(bytes.with(bit >> 3, (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))));
}

/** Rows of the table, wherever they stand in it. */
function rowsOf<T extends { readonly file: string }>(value: unknown, wanted: (file: string) => boolean): readonly T[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('file' in value && typeof value.file === 'string') return wanted(value.file) ? [value as T] : [];
  return Object.values(value).flatMap((one) => rowsOf<T>(one, wanted));
}

/** The report that some parser wrote as JSON, as bytes again, and its VCEK. */
function bergamo(text: string): { readonly report: Bytes; readonly vcek: Bytes } {
  const { attestation_report: fields, cert_chain } = JSON.parse(text) as {
    readonly attestation_report: Readonly<Record<string, unknown>>;
    readonly cert_chain: readonly { readonly data: readonly number[] }[];
  };
  const bytes = new Uint8Array(0x4a0);
  const view = new DataView(bytes.buffer);
  const put = (name: string, offset: number): void => bytes.set(fields[name] as number[], offset);
  const tcb = (name: string, offset: number): void => {
    const parts = fields[name] as Readonly<Record<'bootloader' | 'tee' | 'snp' | 'microcode', number>>;
    bytes.set([parts.bootloader, parts.tee, 0, 0, 0, 0, parts.snp, parts.microcode], offset);
  };
  const version = (name: string, offset: number): void => {
    const { build, minor, major } = fields[name] as Readonly<Record<'build' | 'minor' | 'major', number>>;
    bytes.set([build, minor, major], offset);
  };
  const words = { version: 0, guest_svn: 4, vmpl: 0x30, sig_algo: 0x34, key_info: 0x48 };
  for (const [name, offset] of Object.entries(words)) view.setUint32(offset, fields[name] as number, true);
  view.setBigUint64(0x08, BigInt(fields['policy'] as number), true);
  view.setBigUint64(0x40, BigInt(fields['plat_info'] as number), true);
  const blocks = { family_id: 0x10, image_id: 0x20, report_data: 0x50, measurement: 0x90, host_data: 0xc0 };
  const more = { id_key_digest: 0xe0, author_key_digest: 0x110, report_id: 0x140, report_id_ma: 0x160, chip_id: 0x1a0 };
  for (const [name, offset] of Object.entries({ ...blocks, ...more })) put(name, offset);
  const tcbs = { current_tcb: 0x38, reported_tcb: 0x180, committed_tcb: 0x1e0, launch_tcb: 0x1f0 };
  for (const [name, offset] of Object.entries(tcbs)) tcb(name, offset);
  bytes.set([fields['cpuid_fam_id'], fields['cpuid_mod_id'], fields['cpuid_step']] as number[], 0x188);
  version('current', 0x1e8);
  version('committed', 0x1ec);
  const { r, s } = fields['signature'] as Readonly<Record<'r' | 's', readonly number[]>>;
  bytes.set(r, 0x2a0);
  bytes.set(s, 0x2e8);
  return { report: bytes, vcek: Uint8Array.from(cert_chain[0]?.data ?? []) };
}

promise.unless(missingVectors, 'P7', 'a certificate of a chip that nobody gave is fetched for that chip', async () => {
  const [report, vcek, at] = GENOA;
  const asked: PlatformHint[] = [];
  const result = await verify(
    { kind: 'raw', bytes: readVector(report) },
    {
      policy: presets['hardware-only'],
      now: new Date(at),
      endorsements: [],
      simulatorAnchors: [],
      fetchEndorsements: (platform) => {
        asked.push(platform);
        return Promise.resolve([{ certificate: readVector(vcek) }]);
      },
    },
  );
  expect(asked).toEqual([snpPlatform(readVector(report))]);
  expect(result.checks.find(({ id }) => id === 'snp.vcek-chain')).toMatchObject({
    status: 'passed',
    anchor: 'amd-ark-genoa',
  });
  expect(result.claims?.anchor).toBe('amd-ark-genoa');
});
