/**
 * The gateway beside other ways to serve a stdio server over HTTP: calls per second, latency, memory, for
 * one and sixteen clients and both protocol eras.
 *
 * Vitrine serves over TLS 1.3 with the connection that its evidence is bound to, the others over plain
 * HTTP; the load comes from this process, as many workers as clients, closed loop. It does not verify
 * evidence: that happens once for each connection, before the first call.
 *
 * @module
 */
import type { Installation } from '../packed.ts';
import { type Era, type Load, openLoad } from './gateway-load.ts';
import { type Started, type Subject, subjects } from './gateway-subjects.ts';
import type { Figure } from './statistics.ts';

const WIDTHS: readonly number[] = [1, 16];
const ROUNDS = 5;
const WARM_UP_MS = 1_500;
const RUN_MS = 2_000;

interface Cell {
  readonly subject: string;
  readonly era: Era;
  readonly width: number;
  readonly loads: Load[];
}

interface Running {
  readonly subject: Subject;
  readonly started: Started;
}

export async function benchGateway(installation: Installation): Promise<readonly Figure[]> {
  const running: Running[] = [];
  try {
    for (const subject of await subjects(installation)) running.push({ subject, started: await subject.start() });
    const cells = await measure(running);
    return [...cells.flatMap(figuresOf), ...ratios(cells), ...(await memories(running))];
  } finally {
    for (const { started } of running) await started.stop();
  }
}

/** All in turn, so that what disturbs the machine disturbs all. */
async function measure(running: readonly Running[]): Promise<readonly Cell[]> {
  const cells: Cell[] = [];
  const work: { readonly cell: Cell; readonly run: (ms: number) => Promise<Load> }[] = [];
  for (const { subject, started } of running) {
    for (const era of subject.eras) {
      const client = await openLoad(started.url, era);
      for (const width of WIDTHS) {
        const cell: Cell = { subject: subject.name, era, width, loads: [] };
        cells.push(cell);
        work.push({ cell, run: (ms) => client.run(width, ms) });
      }
    }
  }
  for (const { run } of work) await run(WARM_UP_MS);
  for (let round = 0; round < ROUNDS; round++) for (const { cell, run } of work) cell.loads.push(await run(RUN_MS));
  return cells;
}

function figuresOf({ subject, era, width, loads }: Cell): readonly Figure[] {
  const name = `${subject}, ${era}, ${width} at a time`;
  return [
    { name, samples: loads.map(({ callsPerSecond }) => callsPerSecond), unit: '/s', target: '' },
    { name: `${name}: p50`, samples: loads.map(({ p50 }) => p50), unit: 'ms', target: '' },
    { name: `${name}: p99`, samples: loads.map(({ p99 }) => p99), unit: 'ms', target: '' },
  ];
}

interface Target {
  readonly ours: 'stdio' | 'serve(factory)';
  readonly theirs: string;
  readonly width: number;
  readonly target: string;
}

const TARGETS: readonly Target[] = [
  { ours: 'stdio', theirs: 'mcp-proxy', width: 1, target: 'at least 1.5 ×' },
  { ours: 'stdio', theirs: 'mcp-proxy', width: 16, target: 'at least 1 ×' },
  ...WIDTHS.flatMap((width): readonly Target[] => [
    { ours: 'stdio', theirs: 'supergateway', width, target: 'at least 2.5 ×' },
    { ours: 'stdio', theirs: 'node:https', width, target: 'at least 0.6 ×' },
    { ours: 'serve(factory)', theirs: 'node:https', width, target: 'at least 0.8 ×' },
  ]),
];

/** Vitrine as a multiple of each of the others, round by round. */
function ratios(cells: readonly Cell[]): readonly Figure[] {
  return TARGETS.flatMap(({ ours: how, theirs: other, width, target }) =>
    cells
      .filter((cell) => cell.subject.includes(other) && cell.width === width)
      .map((theirs) => {
        const ours = cells.find(
          ({ subject, era, width: at }) =>
            subject.startsWith('Vitrine') && subject.includes(how) && era === theirs.era && at === width,
        );
        const samples = theirs.loads.map(
          ({ callsPerSecond }, round) => (ours?.loads[round]?.callsPerSecond ?? Number.NaN) / callsPerSecond,
        );
        return {
          name: `Vitrine, ${how}, as a multiple of ${theirs.subject}, ${theirs.era}, ${width} at a time`,
          samples,
          unit: '×',
          target,
        } as const;
      }),
  );
}

async function memories(running: readonly Running[]): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const { subject, started } of running) {
    const { own, all } = await started.memory();
    figures.push({ name: `memory of ${subject.name}, itself`, samples: [own], unit: 'kB', target: '' });
    figures.push({ name: `… with the servers that it started`, samples: [all], unit: 'kB', target: '' });
  }
  return figures;
}
