/**
 * Evidence for connections a second, and the time to get the secret that wraps the root of keys, of each platform in
 * turn in each round.
 *
 * What an emulator does for a quote is in the figure: of hardware it would be the hardware's own time. Emulators and
 * attesters take turns in one process, but for the TPM.
 *
 * @module
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEvidenceService, type EvidenceService, type QuoteSource } from '@vitrine/attester';
import { MANIFEST, openMachines } from './platform-machines.ts';
import { inRounds, type Rounds } from './platform-rounds.ts';
import { type Figure, timed } from './statistics.ts';

const EVIDENCE: Rounds = { warmUp: 2, most: 11, budget: 20_000 };
const ROOTS: Rounds = { warmUp: 2, most: 21, budget: 5_000 };
/** Of one platform in one round: what else the machine does falls on neighbours alike. */
const TURN_MS = 150;
/** So that the line has somebody in it. */
const CALLERS = 4;
const TLS_SPKI = Uint8Array.from(createHash('sha256').update('bench').digest());

interface Measured {
  readonly name: string;
  readonly samples: number[];
  /** Absent where it cannot be measured. */
  readonly sample?: () => Promise<number>;
}

/** Bundles a second. */
async function evidenceRate(service: EvidenceService): Promise<number> {
  const start = performance.now();
  let made = 0;
  const caller = async (): Promise<void> => {
    do {
      await service.channel({ nonce: randomBytes(32), exporter: randomBytes(32), leafSpki: TLS_SPKI });
      made++;
    } while (performance.now() - start < TURN_MS);
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return (made / (performance.now() - start)) * 1000;
}

function serviceOver(source: QuoteSource): Promise<EvidenceService> {
  return createEvidenceService({
    source,
    manifest: MANIFEST,
    tlsSpki: TLS_SPKI,
    sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
    randomBytes,
  });
}

function inTurn(all: readonly Measured[], rounds: Rounds): Promise<void> {
  return inRounds(rounds, async (counts) => {
    for (const { sample, samples } of all) {
      const value = await sample?.();
      if (value !== undefined && counts) samples.push(value);
    }
  });
}

export async function benchPlatformEvidence(): Promise<readonly Figure[]> {
  const base = mkdtempSync(join(tmpdir(), 'vitrine-bench-'));
  const { machines, close } = await openMachines(base);
  try {
    const evidence: Measured[] = [];
    const roots: Measured[] = [];
    for (const { name, root, platform } of machines) {
      const service = platform === undefined ? undefined : await serviceOver(platform.source);
      const rate = service === undefined ? {} : { sample: () => evidenceRate(service) };
      const first = evidence.length === 0;
      evidence.push({
        name: first ? `evidence for a connection, ${name}: bundles a second` : `… ${name}`,
        samples: [],
        ...rate,
      });
      if (root === undefined) continue;
      const [source] = platform?.roots ?? [];
      roots.push({
        name: `${roots.length === 0 ? 'the secret that wraps the root, ' : '… '}${root}`,
        samples: [],
        ...(source === undefined ? {} : { sample: () => timed(() => source.secret()) }),
      });
    }
    await inTurn(evidence, EVIDENCE);
    await inTurn(roots, ROOTS);
    return [
      ...evidence.map(({ name, samples }): Figure => ({ name, samples, unit: '/s', target: '' })),
      ...roots.map(({ name, samples }): Figure => ({ name, samples, unit: 'ms', target: '' })),
    ];
  } finally {
    await close();
    rmSync(base, { recursive: true, force: true });
  }
}
