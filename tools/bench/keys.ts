/**
 * The key service beside a bare `@noble/curves`: EIP-1559 transactions through the whole path (a server's
 * process, its socket, decoding, a policy of 20 rules, a reservation against a limit, the signature), with
 * reservations on disk and in memory. Each is a process of its own; all take turns in each round.
 *
 * The key service runs as `vitrine run` starts it, on the simulator and under bubblewrap where that is there.
 *
 * @module
 */
import { type ChildProcess, fork } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serializeTransaction } from 'viem';
import { decodeTransaction } from '../../packages/keys/src/evm/transaction.ts';
import { evaluate } from '../../packages/keys/src/policy/evaluate.ts';
import { loadPolicy } from '../../packages/keys/src/policy/load.ts';
import { spawnKeyd } from '../../packages/keys/src/process/spawn-keyd.ts';
import type { Signed } from './keys-caller.ts';
import { CHAIN, keyOf, manifestOf, PAYEE } from './keys-policy.ts';
import { asked, CALLERS, callersOf, ended, NODE_OPTIONS, type Subject } from './keys-service.ts';
import type { Figure } from './statistics.ts';

const ROUNDS = 21;
const WARM_UP_ROUNDS = 3;
/** A third of a second or so: what else the machine does falls on neighbours alike. */
const PER_ROUND = 600;
const EVALUATIONS = 2000;
const BUBBLEWRAP = '/usr/bin/bwrap';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** The key service, and servers with a socket each that are one process here. */
async function openService(directory: string, origin: 'derived' | 'generated'): Promise<Subject> {
  const simulator = join(directory, 'simulator');
  mkdirSync(simulator, { recursive: true });
  const service = await spawnKeyd({
    node: process.execPath,
    main: {
      file: join(ROOT, 'packages/keys/src/testing/keyd-entry.ts'),
      args: [directory, simulator],
      nodeOptions: NODE_OPTIONS.slice(0, 1),
    },
    ...(existsSync(BUBBLEWRAP) ? { bubblewrap: BUBBLEWRAP } : {}),
    directory,
    readable: [ROOT],
    manifest: manifestOf(origin),
    genesis: true,
    onLog: (said) => process.stderr.write(`keys: ${said}\n`),
  });
  return callersOf(service);
}

/** Microseconds of one decision, by round. */
function sampleEvaluation(): readonly number[] {
  const policy = loadPolicy('hot', keyOf('derived'), { isolated: true });
  const { intent } = decodeTransaction(
    serializeTransaction({
      type: 'eip1559',
      chainId: CHAIN,
      gas: 21_000n,
      maxFeePerGas: 10n,
      maxPriorityFeePerGas: 1n,
      to: PAYEE as `0x${string}`,
      value: 5n,
    }),
  );
  const asker = { instance: 'i1', principal: 'ada', tools: [], isolated: true };
  const now = new Date();
  const samples: number[] = [];
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    const start = performance.now();
    for (let count = 0; count < EVALUATIONS; count++) {
      if (evaluate(policy, intent, asker, now).outcome !== 'allow')
        throw new Error('the policy denies what it should allow');
    }
    if (round >= 0) samples.push(((performance.now() - start) / EVALUATIONS) * 1000);
  }
  return samples;
}

function percentile(waits: readonly number[], part: number): number {
  const sorted = [...waits].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

interface Measured {
  readonly rates: number[];
  readonly ratios: number[];
  readonly p50: number[];
  readonly p99: number[];
}

const measurement = (): Measured => ({ rates: [], ratios: [], p50: [], p99: [] });

function add(to: Measured, { ms, waits }: Signed, bare: number): void {
  const rate = (waits.length / ms) * 1000;
  to.rates.push(rate);
  to.ratios.push(rate / bare);
  to.p50.push(percentile(waits, 0.5));
  to.p99.push(percentile(waits, 0.99));
}

interface Subjects {
  readonly durable: Subject;
  readonly memory: Subject;
  readonly noble: ChildProcess;
}

async function measure({ durable, memory, noble }: Subjects): Promise<readonly Figure[]> {
  const bare: number[] = [];
  const [onDisk, inMemory, apart, alone] = [measurement(), measurement(), measurement(), measurement()];
  const bareRate = async (): Promise<number> => (PER_ROUND / (await asked<number>(noble, PER_ROUND))) * 1000;
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    const before = await bareRate();
    const one = await durable.sign({ count: PER_ROUND, callers: CALLERS, sockets: 1 });
    const between = await bareRate();
    const two = await memory.sign({ count: PER_ROUND, callers: CALLERS, sockets: 1 });
    const after = await bareRate();
    const each = await durable.sign({ count: PER_ROUND, callers: CALLERS, sockets: CALLERS });
    const single = await durable.sign({ count: PER_ROUND / 4, callers: 1, sockets: 1 });
    if (round < 0) continue;
    bare.push(before, between, after);
    // What was measured just before and just after: the machine is not equally fast all the time.
    add(onDisk, one, (before + between) / 2);
    add(inMemory, two, (between + after) / 2);
    add(apart, each, after);
    add(alone, single, after);
  }
  const row = (name: string, samples: readonly number[], unit: Figure['unit'], target = ''): Figure => ({
    name,
    samples,
    unit,
    target,
  });
  return [
    row('bare `@noble/curves` 2.4.0: secp256k1 with fresh entropy, signatures a second', bare, '/s'),
    row(`EIP-1559 through the key service, ${CALLERS} callers, reservations on disk`, onDisk.rates, '/s'),
    row('… over bare', onDisk.ratios, '×', 'at least 0.5 ×'),
    row('… a call, median', onDisk.p50, 'ms'),
    row('… a call, p99', onDisk.p99, 'ms', 'under 25 ms'),
    row(`… p99 where ${CALLERS} servers have a socket each`, apart.p99, 'ms', 'under 25 ms'),
    row('… one caller alone, median', alone.p50, 'ms'),
    row('the same with reservations in memory', inMemory.rates, '/s'),
    row('… over bare', inMemory.ratios, '×', 'at least 0.7 ×'),
    row('… a call, p99', inMemory.p99, 'ms'),
    row('one decision of a policy of 20 rules', sampleEvaluation(), 'µs', 'under 50 µs'),
  ];
}

export async function benchKeys(): Promise<readonly Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-bench-'));
  const noble = fork(file('keys-noble.ts'), { execArgv: [...NODE_OPTIONS] });
  const open: Subject[] = [];
  try {
    const durable = await openService(join(directory, 'durable'), 'derived');
    open.push(durable);
    const memory = await openService(join(directory, 'memory'), 'generated');
    open.push(memory);
    return await measure({ durable, memory, noble });
  } finally {
    for (const service of open) await service.close();
    await ended(noble);
    rmSync(directory, { recursive: true, force: true });
  }
}
