/**
 * Evidence for tests of the channel: a bundle of the right form whose hardware part says nothing,
 * for mechanics, and real simulated evidence, for verdicts.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEvidenceService, type EvidenceService, type InstanceIdentity } from '@vitrine/attester';
import {
  type EvidenceBundle,
  formatEvidenceBundle,
  type Manifest,
  manifestDigest,
  type ReferenceValues,
} from '@vitrine/documents';
import { openSimulator, type Simulator } from '@vitrine/simulator';
import type { AttestContext } from './tls-server.ts';

export const MANIFEST: Manifest = {
  type: 'vitrine/manifest/v1',
  number: 3,
  name: 'test',
  server: { source: { kind: 'command', command: 'test-server' }, args: [], environment: {}, transport: 'stdio' },
  sandbox: 'none',
  runtime: { vitrine: '0.1.0', node: '24.21.0' },
};

/** Text of a bundle that parses, with hardware evidence that no verifier would read. */
export async function hollowBundle(): Promise<string> {
  return formatEvidenceBundle({
    hardware: { technology: 'tdx', bytes: new Uint8Array([1, 2, 3]) },
    manifest: MANIFEST,
    boot: {
      type: 'vitrine/boot-binding/v1',
      manifestDigest: await manifestDigest(MANIFEST),
      manifestNumber: MANIFEST.number,
      tlsSpki: '0'.repeat(64),
      sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
      nonce: 'A'.repeat(43),
    },
  });
}

export interface SimulatedEnclave extends AsyncDisposable {
  readonly simulator: Simulator;
  /** A Vitrine home: pins go here, and the simulator's root is where it belongs. */
  readonly home: string;
  /** Evidence for the connection of `context`. */
  evidence(context: AttestContext, manifest?: Manifest): Promise<EvidenceBundle>;
  service(identity: InstanceIdentity, manifest?: Manifest): Promise<EvidenceService>;
  referenceValues(manifest?: Manifest): Promise<ReferenceValues>;
}

/** A simulator with a state directory of its own. */
export async function simulatedEnclave(): Promise<SimulatedEnclave> {
  const home = await mkdtemp(join(tmpdir(), 'vitrine-client-'));
  const simulator = await openSimulator({
    directory: join(home, 'simulator'),
    now: () => new Date(),
    release: '0.1.0',
  });
  const service = async (identity: InstanceIdentity, manifest = MANIFEST): Promise<EvidenceService> =>
    createEvidenceService({
      source: simulator.launch(await manifestDigest(manifest)),
      manifest,
      tlsSpki: identity.spkiSha256,
      sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
      randomBytes,
    });
  return {
    simulator,
    home,
    service,
    async evidence({ nonce, exporter, identity }, manifest) {
      return (await service(identity, manifest)).channel({ nonce, exporter, leafSpki: identity.spkiSha256 });
    },
    async referenceValues(manifest = MANIFEST) {
      return simulator.referenceValues(await manifestDigest(manifest));
    },
    async [Symbol.asyncDispose]() {
      await rm(home, { recursive: true, force: true });
    },
  };
}
