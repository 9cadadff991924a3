/**
 * From the kernel's files to a verdict: what this package collects on emulated machines, judged by the verifier.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Manifest, manifestDigest, type ReferenceValues } from '@vitrine/documents';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { openEmulatedTdxMachine, openSimulatedSnp, type SimulatedSnp } from '../../../simulator/src/index.ts';
import { prepareSnpDirectory } from '../../../simulator/src/testing/snp-directory.ts';
import { type AttestationResult, exitCodeOf, presets, simulatorAnchor, verify } from '../../../verifier/src/index.ts';
import { createEvidenceService } from '../evidence-service.ts';
import type { QuoteSource } from '../quote-source.ts';
import { sevGuestQuoteSource } from '../sev-guest/sev-guest-quote-source.ts';
import { measureIntoRtmr } from './rtmr.ts';
import { tsmQuoteSource } from './tsm-quote-source.ts';

const now = new Date('2026-11-20T10:00:00Z');
const clock = { sleep: async (): Promise<void> => undefined, monotonic: () => 0, randomBytes };
const MANIFEST: Manifest = {
  type: 'vitrine/manifest/v1',
  number: 1,
  name: 'example',
  server: { source: { kind: 'command', command: 'example-server' }, args: [], environment: {}, transport: 'stdio' },
  sandbox: 'none',
  runtime: { vitrine: '0.1.0', node: '24.0.0' },
};
let directory = '';
let digest = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vitrine-verified-'));
  await prepareSnpDirectory(directory, now);
  digest = await manifestDigest(MANIFEST);
}, 60_000);
afterAll(() => rm(directory, { recursive: true, force: true }));

async function judge(
  source: QuoteSource,
  rootPem: string,
  referenceValues: ReferenceValues,
): Promise<AttestationResult> {
  const service = await createEvidenceService({
    source,
    manifest: MANIFEST,
    tlsSpki: new Uint8Array(32).fill(1),
    sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
    randomBytes,
  });
  const bundle = await service.boot();
  return verify(
    { kind: 'bundle', bundle },
    {
      policy: presets.default,
      now,
      // Those that the bundle brings are enough.
      endorsements: [],
      simulatorAnchors: [simulatorAnchor(rootPem)],
      referenceValues,
    },
  );
}

const failedOf = ({ checks }: AttestationResult): readonly string[] =>
  checks.filter(({ status }) => status === 'failed' || status === 'unavailable').map(({ id }) => id);

describe('a TD', () => {
  const machine = (): ReturnType<typeof openEmulatedTdxMachine> =>
    openEmulatedTdxMachine({ directory, now: () => now, release: '0.1.0' });

  promise('P3', 'that measured its manifest is simulated, and never more', async () => {
    const { files, simulator, endorsements } = await machine();
    await measureIntoRtmr({ files }, digest);
    const source = tsmQuoteSource({ files, technology: 'tdx', endorsements, ...clock });
    const result = await judge(source, simulator.rootPem, simulator.referenceValues(digest));
    expect(failedOf(result)).toEqual([]);
    expect(result.verdict).toBe('simulated');
  });

  promise('P3', 'that measured none is rejected', async () => {
    const { files, simulator, endorsements } = await machine();
    const source = tsmQuoteSource({ files, technology: 'tdx', endorsements, ...clock });
    const result = await judge(source, simulator.rootPem, simulator.referenceValues(digest));
    expect(failedOf(result)).toEqual(['workload.reference', 'workload.code']);
    expect(result.verdict).toBe('rejected');
  });
});

describe('an SEV-SNP guest', () => {
  const snp = (): Promise<SimulatedSnp> => openSimulatedSnp({ directory, now: () => now, release: '0.1.0' });

  promise('P3', 'that was launched with its manifest is simulated, and never more', async () => {
    const opened = await snp();
    const guest = opened.launch(digest);
    const sources = [
      tsmQuoteSource({ files: guest.files, technology: 'snp', ...clock }),
      sevGuestQuoteSource(guest.device),
      guest,
    ];
    for (const source of sources) {
      const result = await judge(source, opened.arkPem, opened.referenceValues(digest));
      expect(failedOf(result)).toEqual([]);
      expect(result.verdict).toBe('simulated');
    }
  });

  promise('P3', 'that was launched with another manifest or code is rejected', async () => {
    const opened = await snp();
    const cases = [
      [opened.launch('ab'.repeat(48)), ['workload.reference', 'workload.code']],
      [opened.launch(digest, { measurement: 'cd'.repeat(48) }), ['workload.reference', 'workload.code']],
    ] as const;
    for (const [guest, failed] of cases) {
      const result = await judge(guest, opened.arkPem, opened.referenceValues(digest));
      expect(failedOf(result)).toEqual(failed);
      expect(result.verdict).toBe('rejected');
    }
  });

  promise('P7', 'under a root that was not allowed is good for nothing, and known as a simulator’s', async () => {
    const guest = (await snp()).launch(digest);
    const other = join(directory, 'other');
    await prepareSnpDirectory(other, now, 'other');
    const stranger = await openSimulatedSnp({ directory: other, now: () => now, release: '0.1.0' });
    const { simulator } = await openEmulatedTdxMachine({ directory, now: () => now, release: '0.1.0' });
    for (const root of [stranger.arkPem, simulator.rootPem]) {
      const result = await judge(guest, root, stranger.referenceValues(digest));
      expect(result).toMatchObject({ verdict: 'simulated', decidedBy: 'snp.vcek-chain' });
      expect(exitCodeOf(result, { allowSimulated: true })).toBe(4);
    }
  });
});
