/**
 * Evidence of emulated platforms from the attester to the verdict: what the attesters put into a bundle is what the
 * verifier reads out of it.
 *
 * @module
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  cocoGuest,
  cocoQuoteSource,
  createEvidenceService,
  dstackAgent,
  dstackQuoteSource,
  type QuoteSource,
} from '@vitrine/attester';
import {
  formatEvidenceBundle,
  type Manifest,
  manifestDigest,
  parseEvidenceBundle,
  type ReferenceEntry,
} from '@vitrine/documents';
import { renderAppCompose, renderInitData } from '@vitrine/documents/launch';
import { afterAll, beforeAll, expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { type AttestationResult, presets, simulatorAnchor, verify } from '../../verifier/src/index.ts';
import { startCocoGuest } from './coco/guest-server.ts';
import { startDstackAgent } from './dstack/agent-server.ts';
import type { Registers } from './registers.ts';
import { openSimulator } from './simulator.ts';

const now = (): Date => new Date('2026-11-20T10:00:00Z');
const IMAGE = `registry.example/vitrine@sha256:${'ab'.repeat(32)}`;
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
  sandbox: 'none',
  runtime: { vitrine: '0.1.0', node: '24.21.0' },
};

let base = '';
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'vw-'));
});
afterAll(() => rm(base, { recursive: true, force: true }));

async function judge(source: QuoteSource, registers: Partial<Registers>, launch: string): Promise<AttestationResult> {
  const service = await createEvidenceService({
    source,
    manifest,
    tlsSpki: new Uint8Array(32),
    sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
    randomBytes,
  });
  const sent = formatEvidenceBundle(await service.boot());
  const simulator = await openSimulator({ directory: join(base, 'state'), now, release: '0.1.0' });
  return verify(
    { kind: 'bundle', bundle: parseEvidenceBundle(sent) },
    {
      policy: presets.default,
      now: now(),
      endorsements: [simulator.collateral()],
      simulatorAnchors: [simulatorAnchor(simulator.rootPem)],
      referenceValues: {
        type: 'vitrine/reference-values/v1',
        release: '0.1.0',
        entries: [
          {
            technology: 'tdx',
            registers,
            shape: 'emulated',
            computedBy: 'an emulator',
            manifestDigest: await manifestDigest(manifest),
            launch,
          } as ReferenceEntry,
        ],
      },
    },
  );
}

const bad = ({ checks }: AttestationResult): readonly string[] =>
  checks
    .filter(({ status }) => status === 'failed' || status === 'unavailable')
    .map(({ id, message }) => `${id}: ${message}`);

for (const version of ['0.6', '0.5'] as const) {
  promise(
    'P3',
    `dstack ${version}: app-compose, log and quote lead to the manifest, under a simulator’s root`,
    async () => {
      const appCompose = renderAppCompose({
        name: 'weather',
        settings: { key_provider: 'kms' },
        compose: {
          services: {
            vitrine: {
              image: IMAGE,
              environment: { VITRINE_MANIFEST_DIGEST: await manifestDigest(manifest) },
              volumes: ['/var/run/dstack.sock:/var/run/dstack.sock'],
            },
          },
        },
      });
      const socketPath = join(base, `s${version}`);
      const agent = await startDstackAgent({ socketPath, version, directory: join(base, 'state'), appCompose, now });
      const source = dstackQuoteSource(dstackAgent({ kind: 'unix', path: socketPath }));
      // RTMR3 differs for each instance; the log explains it.
      const { rtmr3: _, ...registers } = agent.registers();
      const result = await judge(source, registers, createHash('sha256').update(appCompose).digest('hex'));
      await agent.close();
      expect(bad(result)).toEqual([]);
      expect(result.verdict).toBe('simulated');
      expect(result.checks.find(({ id }) => id === 'workload.code')).toMatchObject({
        status: 'passed',
        anchor: 'simulator',
      });
    },
  );
}

promise('P3', 'CoCo: init-data and quote lead to the manifest, under a simulator’s root', async () => {
  const initData = renderInitData({
    algorithm: 'sha384',
    manifest,
    policy: { images: [{ image: IMAGE, command: ['/vitrine'], directory: '/', environment: [] }] },
  });
  const guest = await startCocoGuest({ directory: join(base, 'state'), now, tee: 'tdx', initData });
  const source = cocoQuoteSource(cocoGuest(guest.endpoint), { tee: 'tdx', initData });
  const result = await judge(source, guest.registers, createHash('sha256').update(initData).digest('hex'));
  await guest.close();
  expect(bad(result)).toEqual([]);
  expect(result.verdict).toBe('simulated');
  expect(result.checks.find(({ id }) => id === 'workload.code')).toMatchObject({
    status: 'passed',
    anchor: 'simulator',
  });
});
