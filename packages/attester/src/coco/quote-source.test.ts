/**
 * Evidence of Confidential Containers, as an emulated guest service answers, and as real agents did.
 *
 * @module
 */
import { type createPublicKey, verify, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type JsonValue, type Manifest, manifestDigest, toHex, VitrineError } from '@vitrine/documents';
import { carriedInitDataDigest, initDataDigest, renderInitData } from '@vitrine/documents/launch';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { missingVectors, readTextVector, readVector } from '../../../../test/vectors.ts';
import { type CocoGuestOptions, startCocoGuest } from '../../../simulator/src/index.ts';
import { endorsementsOf, presets, simulatorAnchor, verify as verifyEvidence } from '../../../verifier/src/index.ts';
import { type CocoGuest, cocoGuest, resourcePath } from './guest.ts';
import { requireInitDataNames } from './init-data.ts';
import { cocoQuoteSource, snpCertificates } from './quote-source.ts';
import { encodeSnpReport } from './snp-report.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const now = (): Date => new Date('2026-11-20T10:00:00Z');
const initDataOf = (algorithm: string, policy = 'package agent_policy'): Bytes =>
  new TextEncoder().encode(
    `version = "0.1.0"\nalgorithm = "${algorithm}"\n\n[data]\n"policy.rego" = '''\n${policy}'''\n`,
  );
const initData = initDataOf('sha384');
const reportData = Uint8Array.from({ length: 64 }, (_, index) => 255 - index);

let base = '';
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'vc-'));
});
afterAll(() => rm(base, { recursive: true, force: true }));

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function start(
  options: Partial<CocoGuestOptions> = {},
): Promise<{ readonly guest: CocoGuest; readonly mrConfigId: Uint8Array }> {
  const server = await startCocoGuest({ directory: join(base, 'state'), now, tee: 'tdx', initData, ...options });
  closing.push(server.close);
  return { guest: cocoGuest(server.endpoint, options.fault === 'silent' ? 30 : 20_000), mrConfigId: server.mrConfigId };
}

const code = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'answered',
    (error: unknown) => (error instanceof VitrineError ? error.code : String(error)),
  );

describe('TDX', () => {
  promise('P3', 'a quote is over exactly the report data, and the init-data is in MRCONFIGID', async () => {
    for (const algorithm of ['sha256', 'sha384', 'sha512']) {
      const document = initDataOf(algorithm);
      const { guest, mrConfigId } = await start({ initData: document });
      const source = cocoQuoteSource(guest, { tee: (await guest.info()).tee ?? '', initData: document });
      const quote = await source.quote(reportData);
      expect(source.technology).toBe('tdx');
      expect(toHex(quote.subarray(568, 632))).toBe(toHex(reportData));
      expect(toHex(quote.subarray(232, 280))).toBe(toHex(mrConfigId));
      expect(mrConfigId).toEqual(carriedInitDataDigest(await initDataDigest(document), 48));
      expect(await source.launch?.()).toEqual({ kind: 'init-data', bytes: document });
      expect(await source.eventLog?.()).toBeUndefined();
    }
  });

  promise('P7', 'emulated evidence is authenticated under the simulator’s root, and never verified', async () => {
    const { openSimulator } = await import('../../../simulator/src/index.ts');
    const { guest } = await start();
    const bytes = await cocoQuoteSource(guest, { tee: 'tdx', initData }).quote(reportData);
    const simulator = await openSimulator({ directory: join(base, 'state'), now, release: 'coco' });
    const result = await verifyEvidence(
      { kind: 'raw', bytes },
      {
        policy: presets['hardware-only'],
        now: now(),
        endorsements: [simulator.collateral()],
        simulatorAnchors: [simulatorAnchor(simulator.rootPem)],
      },
    );
    expect(result.verdict).toBe('simulated');
    expect(result.checks.find(({ id }) => id === 'tdx.signature')?.status).toBe('passed');
  });

  test('the event log is handed on as the agent gave it, and one that fits no bundle is left out', async () => {
    const eventLog = new TextEncoder().encode('a log');
    const source = cocoQuoteSource((await start({ eventLog })).guest, { tee: 'tdx', initData });
    await source.quote(reportData);
    expect(await source.eventLog?.()).toEqual(eventLog);
    const long = cocoQuoteSource((await start({ eventLog: new Uint8Array(300_000) })).guest, { tee: 'tdx', initData });
    await long.quote(reportData);
    expect(await long.eventLog?.()).toBeUndefined();
  });

  promise('P3', 'init-data that differs in one byte is refused, with both digests', async () => {
    const { guest, mrConfigId } = await start();
    const other = initDataOf('sha384', 'package agent_policy ');
    const asked = cocoQuoteSource(guest, { tee: 'tdx', initData: other }).quote(reportData);
    await expect(asked).rejects.toThrow(toHex(mrConfigId));
    const nameless = new TextEncoder().encode('[data]\n');
    expect(await code(cocoQuoteSource(guest, { tee: 'tdx', initData: nameless }).quote(reportData))).toBe(
      'launch.init-data',
    );
  });

  test.each([
    ['silent', 'attester.busy'],
    ['busy', 'attester.busy'],
    ['oversized', 'attester.hardware'],
    ['truncated', 'attester.hardware'],
    ['redirect', 'attester.hardware'],
    ['not-json', 'attester.hardware'],
    ['other-report-data', 'attester.hardware'],
    ['other-base64', 'attester.hardware'],
    ['resource-only', 'attester.unavailable'],
    ['failing', 'attester.hardware'],
  ] as const)('a guest service with the fault %s gives no evidence: %s', async (fault, expected) => {
    const { guest } = await start({ fault });
    expect(await code(cocoQuoteSource(guest, { tee: 'tdx', initData }).quote(reportData))).toBe(expected);
  });

  test.each(['sample', 'sgx', 'az-snp-vtpm', 'csv', '', '__proto__'])('the TEE %j is refused', async (tee) => {
    const { guest } = await start();
    expect(() => cocoQuoteSource(guest, { tee, initData })).toThrow(
      expect.objectContaining({ code: 'attester.unavailable' }) as Error,
    );
  });

  promise.unless(missingVectors, 'P3', 'real quotes pass as they are', async () => {
    for (const file of ['tdx/coco-tdx-5.quote', 'tdx/coco-tdx-6.quote']) {
      const quote = readVector(file);
      const offset = quote[0] === 5 ? 574 : 568;
      const recorded = {
        tee: 'tdx',
        evidence: () => ({ quote: Buffer.from(quote).toString('base64'), cc_eventlog: null }),
      };
      const { guest } = await start({ recorded });
      const source = cocoQuoteSource(guest, { tee: 'tdx' });
      expect(await source.quote(quote.slice(offset, offset + 64))).toEqual(quote);
      expect(await source.launch?.()).toBeUndefined();
      expect(await code(source.quote(reportData))).toBe('attester.hardware');
    }
  });
});

describe('SEV-SNP', () => {
  interface RealEvidence {
    readonly attestation_report: Readonly<Record<string, JsonValue>>;
    readonly cert_chain: readonly { readonly cert_type: string; readonly data: readonly number[] }[];
  }
  const real =
    missingVectors === false ? (JSON.parse(readTextVector('snp/coco-e2e.evidence.json')) as RealEvidence) : undefined;

  promise.unless(
    missingVectors,
    'P3',
    'a real agent’s report, put together again, has the signature of its chip',
    async () => {
      const evidence = real as RealEvidence;
      const asked = Uint8Array.from(evidence.attestation_report['report_data'] as readonly number[]);
      const { guest } = await start({ recorded: { tee: 'snp', evidence: () => evidence as unknown as JsonValue } });
      const source = cocoQuoteSource(guest, { tee: 'snp' });
      const report = await source.quote(asked);
      expect(source.technology).toBe('snp');
      const endorsements = await source.endorsements();
      const [vcek] = endorsements?.certificates ?? [];
      const key = new X509Certificate(Buffer.from(vcek ?? '', 'base64url')).publicKey;
      expect(signedBy(key, report)).toBe(true);
      if (endorsements === undefined) throw new Error('no endorsements');
      const result = await verifyEvidence(
        { kind: 'raw', bytes: report },
        {
          policy: presets['hardware-only'],
          now: now(),
          endorsements: endorsementsOf(endorsements, 'the agent'),
          simulatorAnchors: [],
        },
      );
      const status = Object.fromEntries(result.checks.map((check) => [check.id, check.status]));
      expect(status).toMatchObject({ 'snp.format': 'passed', 'snp.signature': 'passed', 'snp.tcb-binding': 'passed' });
      for (let offset = 0; offset < 0x2a0; offset += 16) {
        const changed = Uint8Array.from(report);
        changed[offset] = (changed[offset] ?? 0) ^ 1;
        expect(signedBy(key, changed)).toBe(false);
      }
    },
  );

  const reports = [
    'snp/coco-vcek.report.bin',
    'snp/coco-vlek.report.bin',
    'snp/dstack-milan.report.bin',
    'snp/google-milan.report.bin',
    'snp/oak-genoa_oc.report.bin',
    'snp/oak-milan_rk_release.report.bin',
    'snp/secretvm-amd_cpu_quote.report.bin',
  ];
  promise.unless(missingVectors, 'P3', 'every real report survives being taken apart and put together', () => {
    for (const file of reports) {
      const report = readVector(file);
      expect(toHex(encodeSnpReport(takenApart(report))), file).toBe(toHex(report));
    }
  });

  const synthetic = (version: number, turin: boolean): Bytes => {
    const report = Uint8Array.from({ length: 0x4a0 }, (_, index) => (index * 7 + 3) & 0xff);
    for (const [start, end] of reserved(version, turin)) report.fill(0, start, end);
    report.set([version, 0, 0, 0], 0);
    // Numbers of a policy or platform are far below 2^53.
    for (const offset of [0x0e, 0x46, 0x1fe, 0x206]) report.fill(0, offset, offset + 2);
    return report;
  };

  test.each([
    [2, false],
    [2, true],
    [3, false],
    [3, true],
    [4, true],
    [5, false],
    [5, true],
  ])('version %d, Turin %s: every byte that is not reserved comes back', (version, turin) => {
    const report = synthetic(version, turin);
    expect(toHex(encodeSnpReport(takenApart(report, turin)))).toBe(toHex(report));
  });

  test('anything that would have to be guessed is refused', () => {
    const good = takenApart(synthetic(3, false), false) as Record<string, JsonValue>;
    const bad: readonly Record<string, JsonValue>[] = [
      { ...good, version: 1 },
      { ...good, version: 6 },
      { ...good, version: 2 },
      { ...good, version: 5 },
      { ...good, cpuid_step: null },
      { ...good, launch_mit_vector: 1 },
      { ...good, new_member: 1 },
      { ...good, policy: -1 },
      { ...good, policy: 1.5 },
      { ...good, vmpl: '0' },
      { ...good, chip_id: [1, 2, 3] },
      { ...good, measurement: Array.from({ length: 48 }, () => 256) },
      { ...good, signature: { r: [], s: [] } },
      { ...good, current_tcb: null },
      { ...good, current_tcb: { ...(good['current_tcb'] as object), snp: 300 } },
    ];
    for (const report of bad) expect(() => encodeSnpReport(report)).toThrow(VitrineError);
    for (const name of Object.keys(good)) {
      const { [name]: _, ...rest } = good;
      if (good[name] !== null) expect(() => encodeSnpReport(rest), name).toThrow(VitrineError);
    }
  });

  test('any JSON is a report or refused with a code', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(() => encodeSnpReport(value as JsonValue)).toThrow(VitrineError);
      }),
    );
  });

  test('the host’s certificates are handed on where they are DER of a known type', () => {
    const der = [0x30, 1, 2];
    const chain = [
      { cert_type: 'VCEK', data: der },
      { cert_type: 'Empty', data: [] },
      { cert_type: { OTHER: 'x' }, data: der },
      { cert_type: 'ASK', data: [0x2d, 0x2d] },
    ];
    expect(snpCertificates({ cert_chain: chain })).toEqual([Uint8Array.from(der)]);
    expect(snpCertificates({ cert_chain: null })).toEqual([]);
    expect(() => snpCertificates({ cert_chain: 'x' })).toThrow(VitrineError);
  });
});

describe('resources', () => {
  test('are named by three parts, none of which leads elsewhere', () => {
    expect(resourcePath('kbs:///default/vitrine/root')).toBe('default/vitrine/root');
    for (const name of [
      '',
      'a/b',
      'a/b/c/d',
      '../b/c',
      'a/../c',
      '/a/b/c',
      'a/b/c?x',
      'a/b/%2e',
      'a//c',
      'kbs://host/a/b/c',
    ]) {
      expect(() => resourcePath(name), name).toThrow(expect.objectContaining({ code: 'attester.resource' }) as Error);
    }
  });

  test('of the data hub are read as bytes', async () => {
    const { guest } = await start({ resources: { 'default/a/b': Uint8Array.of(0, 255) } });
    expect(await guest.resource('default/a/b')).toEqual(Uint8Array.of(0, 255));
    expect(await code(guest.resource('default/a/c'))).toBe('attester.hardware');
  });
});

test('nothing here asks for the agent’s own key', async () => {
  for (const file of ['guest.ts', 'kbs.ts', 'quote-source.ts']) {
    const source = await readFile(join(import.meta.dirname, file), 'utf8');
    expect(source.replace(/\/\*[\s\S]*?\*\//g, '')).not.toContain('/aa/token');
  }
});

function signedBy(key: ReturnType<typeof createPublicKey>, report: Bytes): boolean {
  const big = (offset: number): Uint8Array => report.slice(offset, offset + 48).reverse();
  const signature = Buffer.concat([big(0x2a0), big(0x2e8)]);
  return verify('sha384', report.subarray(0, 0x2a0), { key, dsaEncoding: 'ieee-p1363' }, signature);
}

/** What the firmware's specification reserves, and P-384 leaves unused. */
function reserved(version: number, turin: boolean): readonly (readonly [number, number])[] {
  const tcb = [0x38, 0x180, 0x1e0, 0x1f0].map((at) =>
    turin ? ([at + 4, at + 7] as const) : ([at + 2, at + 6] as const),
  );
  return [
    ...tcb,
    [0x4c, 0x50],
    [version < 3 ? 0x188 : 0x18b, 0x1a0],
    [0x1eb, 0x1ec],
    [0x1ef, 0x1f0],
    [version < 5 ? 0x1f8 : 0x208, 0x2a0],
    [0x330, 0x4a0],
  ];
}

/** What the agent does to a report: the other direction of what is tested. */
function takenApart(report: Bytes, turin = false): JsonValue {
  const view = new DataView(report.buffer, report.byteOffset, report.length);
  const bytes = (offset: number, length: number): readonly number[] => [...report.subarray(offset, offset + length)];
  const at = (offset: number): number => report[offset] ?? 0;
  const tcb = (offset: number): JsonValue =>
    turin
      ? {
          fmc: at(offset),
          bootloader: at(offset + 1),
          tee: at(offset + 2),
          snp: at(offset + 3),
          microcode: at(offset + 7),
        }
      : { fmc: null, bootloader: at(offset), tee: at(offset + 1), snp: at(offset + 6), microcode: at(offset + 7) };
  const firmware = (offset: number): JsonValue => ({ major: at(offset + 2), minor: at(offset + 1), build: at(offset) });
  const version = view.getUint32(0, true);
  return {
    version,
    guest_svn: view.getUint32(4, true),
    policy: Number(view.getBigUint64(8, true)),
    family_id: bytes(0x10, 16),
    image_id: bytes(0x20, 16),
    vmpl: view.getUint32(0x30, true),
    sig_algo: view.getUint32(0x34, true),
    current_tcb: tcb(0x38),
    plat_info: Number(view.getBigUint64(0x40, true)),
    key_info: view.getUint32(0x48, true),
    report_data: bytes(0x50, 64),
    measurement: bytes(0x90, 48),
    host_data: bytes(0xc0, 32),
    id_key_digest: bytes(0xe0, 48),
    author_key_digest: bytes(0x110, 48),
    report_id: bytes(0x140, 32),
    report_id_ma: bytes(0x160, 32),
    reported_tcb: tcb(0x180),
    cpuid_fam_id: version < 3 ? null : at(0x188),
    cpuid_mod_id: version < 3 ? null : at(0x189),
    cpuid_step: version < 3 ? null : at(0x18a),
    chip_id: bytes(0x1a0, 64),
    committed_tcb: tcb(0x1e0),
    current: firmware(0x1e8),
    committed: firmware(0x1ec),
    launch_tcb: tcb(0x1f0),
    launch_mit_vector: version < 5 ? null : Number(view.getBigUint64(0x1f8, true)),
    current_mit_vector: version < 5 ? null : Number(view.getBigUint64(0x200, true)),
    signature: { r: bytes(0x2a0, 72), s: bytes(0x2e8, 72) },
  };
}

describe('the manifest', () => {
  promise('P3', 'is carried by the init-data of the pod, or nothing starts', async () => {
    const manifest: Manifest = {
      type: 'vitrine/manifest/v1',
      number: 1,
      name: 'weather',
      server: {
        source: { kind: 'path', tree: 'a'.repeat(96), entry: 'a.js' },
        args: [],
        environment: {},
        transport: 'stdio',
      },
      sandbox: 'bwrap',
      runtime: { vitrine: '0.1.0', node: '24.21.0' },
    };
    const image = `registry.example/vitrine@sha256:${'ab'.repeat(32)}`;
    const document = renderInitData({
      algorithm: 'sha384',
      manifest,
      policy: { images: [{ image, command: ['/vitrine'], directory: '/', environment: [] }] },
    });
    const digest = await manifestDigest(manifest);
    expect(await code(requireInitDataNames(document, digest))).toBe('answered');
    const next = await manifestDigest({ ...manifest, number: 2 });
    expect(await code(requireInitDataNames(document, next))).toBe('attester.other-manifest');
    expect(await code(requireInitDataNames(initData, digest))).toBe('launch.init-data');
    const { guest } = await start({ initData: document });
    const source = cocoQuoteSource(guest, { tee: 'tdx', initData: document });
    expect(await code(source.quote(reportData))).toBe('answered');
  });
});
