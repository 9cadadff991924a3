/**
 * What a freshness anchor costs: the transactions of `keys.ts` through key services that are started as `vitrine run`
 * starts them, without an anchor, with the counter of a TPM, and with a service on loopback that keeps its memory in
 * files. Each is a process of its own; ratios are to the one without, just before in the same round.
 *
 * An anchor moves once for all that is on disk by then, so callers at the same time share it.
 *
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AnchorTerms, Manifest } from '@vitrine/documents';
import { usableBubblewrap } from '@vitrine/enclave';
import { serveAnchor } from '../../examples/freshness-anchor/server.ts';
import { missingSwtpm, startSwtpm } from '../../packages/attester/src/tpm/testing/swtpm.ts';
import type { PlatformChoice } from '../../packages/cli/src/platform/choice.ts';
import { startKeyd } from '../../packages/cli/src/start-keyd.ts';
import { keyOf, manifestOf } from './keys-policy.ts';
import { CALLERS, callersOf, type Subject } from './keys-service.ts';
import { inRounds, type Rounds } from './platform-rounds.ts';
import type { Figure } from './statistics.ts';

const ROUNDS: Rounds = { warmUp: 2, most: 7, budget: 30_000 };
const PER_ROUND = 240;
/** Of one caller alone, who waits for the anchor each time. */
const ALONE = 24;
const SIMULATOR: PlatformChoice = { name: 'simulator', roots: [{ kind: 'simulator' }] };

interface Anchored {
  readonly name: string;
  readonly subject: Subject;
  readonly rates: number[];
  readonly ratios: number[];
  readonly alone: number[];
}

function manifestWith(anchor: AnchorTerms | undefined, { name }: PlatformChoice): Manifest {
  const bare = manifestOf('derived');
  const manifest = name === 'tpm' ? { ...bare, roots: [{ kind: 'tpm-pcr' }] } : bare;
  if (anchor === undefined) return manifest;
  const hot = keyOf('derived');
  return { ...manifest, anchor, keys: { hot: { ...hot, policy: { ...hot.policy, copies: 'strict' } } } };
}

async function open(name: string, home: string, platform: PlatformChoice, anchor?: AnchorTerms): Promise<Anchored> {
  const service = await startKeyd({
    manifest: manifestWith(anchor, platform),
    home,
    platform,
    genesis: true,
    denyLists: [],
    bubblewrap: await usableBubblewrap(process.env),
  });
  const sandbox = { process: 'none', seccomp: false, cgroup: false, volume: 'directory' } as const;
  await service.bind({ tlsSpki: new Uint8Array(32), sandbox });
  return { name, subject: await callersOf(service), rates: [], ratios: [], alone: [] };
}

function measure(all: readonly Anchored[]): Promise<void> {
  return inRounds(ROUNDS, async (counts) => {
    let bare = Number.NaN;
    for (const { subject, rates, ratios, alone } of all) {
      const { ms } = await subject.sign({ count: PER_ROUND, callers: CALLERS, sockets: 1 });
      const single = await subject.sign({ count: ALONE, callers: 1, sockets: 1 });
      const rate = (PER_ROUND / ms) * 1000;
      if (Number.isNaN(bare)) bare = rate;
      if (!counts) continue;
      rates.push(rate);
      ratios.push(rate / bare);
      alone.push(single.ms / ALONE);
    }
  });
}

function rowsOf({ name, rates, ratios, alone }: Anchored, isFirst: boolean): readonly Figure[] {
  return [
    {
      name: isFirst ? `EIP-1559, ${CALLERS} callers, ${name}: signatures a second` : `… ${name}`,
      samples: rates,
      unit: '/s',
      target: '',
    },
    ...(isFirst ? [] : [{ name: '… over none', samples: ratios, unit: '×', target: '' } as const]),
    { name: '… one caller alone, a call', samples: alone, unit: 'ms', target: '' },
  ];
}

export async function benchAnchors(): Promise<readonly Figure[]> {
  const base = mkdtempSync(join(tmpdir(), 'vitrine-bench-'));
  const ends: (() => Promise<void>)[] = [];
  const missing = missingSwtpm();
  try {
    const all = [await open('no anchor', join(base, 'none'), SIMULATOR)];
    const [none] = all;
    ends.push(async () => none?.subject.close());
    const remote = await serveAnchor(join(base, 'memory'), 0);
    ends.push(() => remote.close());
    const terms = { kind: 'service', url: remote.url, key: remote.key } as const;
    const byService = await open('a freshness service on loopback', join(base, 'service'), SIMULATOR, terms);
    ends.push(() => byService.subject.close());
    all.push(byService);
    if (missing === false) {
      const tpm = await startSwtpm();
      ends.push(() => tpm.stop());
      const platform: PlatformChoice = { name: 'tpm', device: tpm.path, roots: [{ kind: 'tpm', device: tpm.path }] };
      const byTpm = await open('the counter of a TPM, swtpm', join(base, 'tpm'), platform, { kind: 'tpm' });
      ends.push(() => byTpm.subject.close());
      all.push(byTpm);
    }
    await measure(all);
    const rows = all.flatMap((one, index) => rowsOf(one, index === 0));
    if (missing === false) return rows;
    return [
      ...rows,
      { name: `… the counter of a TPM (not measured: ${missing})`, samples: [], unit: '/s', target: '' },
    ];
  } finally {
    for (const end of ends.reverse()) await end();
    rmSync(base, { recursive: true, force: true });
  }
}
