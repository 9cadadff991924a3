/**
 * `npm run test:exhaustive [-- PART-OF-A-NAME]`: no change of a single bit, no truncation and no
 * trailing byte gives evidence that is accepted with the same claims. All of them are tried, for each
 * positive; `npm test` tries a sample.
 *
 * Exit code 0 when nothing was found, 1 otherwise.
 *
 * @module
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { bytesOf, judge, optionsOf } from '../system/judge.ts';
import { missingVectors } from '../vectors.ts';
import { countChanges } from './changes.ts';
import { type Positive, positives } from './positives.ts';
import type { Range, RangeReport } from './worker.ts';

const RANGE = 500;
const MAX_SHOWN = 20;
const PROGRESS_MS = 5_000;

interface Total {
  judged: number;
  padding: number;
  otherClaims: number;
  readonly findings: string[];
  slowestMs: number;
  slowest: string;
}

const wanted = process.argv[2];
const all = (await positives()).filter(({ name }) => wanted === undefined || name.includes(wanted));
if (missingVectors !== false) process.stderr.write(`simulated evidence only: ${missingVectors}\n`);
if (all.length === 0) {
  process.stderr.write(`no positive has ${JSON.stringify(wanted)} in its name\n`);
  process.exit(2);
}

const accepted: Positive[] = [];
let notAccepted = 0;
for (const positive of all) {
  const { verdict, decidedBy } = await judge(bytesOf(positive.evidence), optionsOf(positive));
  if (decidedBy === null) accepted.push(positive);
  else {
    notAccepted++;
    process.stdout.write(`FAILED  ${positive.name}: ${verdict} by ${decidedBy}, so there is nothing to change\n`);
  }
}

const queue = accepted.flatMap((positive) => rangesOf(positive));
const totals = new Map<string, Total>(
  accepted.map(({ name }) => [
    name,
    { judged: 0, padding: 0, otherClaims: 0, findings: [], slowestMs: 0, slowest: '' },
  ]),
);
const expected = accepted.reduce((sum, one) => sum + countChanges(one.evidence.length / 2), 0);
const started = performance.now();
let judged = 0;
let shown = started;

await Promise.all(Array.from({ length: availableParallelism() }, work));

for (const [name, total] of totals) {
  const { padding, otherClaims, findings } = total;
  const notes = [
    `${total.judged} changes`,
    ...(padding === 0 ? [] : [`${padding} of them only in the padding, which may vary`]),
    ...(otherClaims === 0 ? [] : [`${otherClaims} accepted with other claims`]),
    `slowest ${total.slowestMs.toFixed(1)} ms (${total.slowest})`,
  ];
  process.stdout.write(`${findings.length === 0 ? 'ok    ' : 'FAILED'}  ${name}: ${notes.join(', ')}\n`);
  for (const finding of findings.slice(0, MAX_SHOWN)) process.stdout.write(`          ${finding}\n`);
  if (findings.length > MAX_SHOWN) process.stdout.write(`          and ${findings.length - MAX_SHOWN} more\n`);
}
const found = [...totals.values()].reduce((sum, { findings }) => sum + findings.length, 0);
process.stdout.write(
  `${judged} changes of ${accepted.length} positives in ${((performance.now() - started) / 1000).toFixed(0)} s: ${found} findings\n`,
);
process.exitCode = found + notAccepted === 0 ? 0 : 1;

function rangesOf(positive: Positive): readonly Range[] {
  const count = countChanges(positive.evidence.length / 2);
  return Array.from({ length: Math.ceil(count / RANGE) }, (_, index) => ({
    positive,
    from: index * RANGE,
    to: Math.min(count, (index + 1) * RANGE),
  }));
}

/** One thread, which takes ranges until none is left. */
async function work(): Promise<void> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url));
  try {
    for (let range = queue.shift(); range !== undefined; range = queue.shift()) {
      add(range.positive.name, await asked(worker, range));
    }
  } finally {
    await worker.terminate();
  }
}

function asked(worker: Worker, range: Range): Promise<RangeReport> {
  return new Promise((resolve, reject) => {
    const answered = (report: RangeReport): void => {
      worker.off('error', reject);
      resolve(report);
    };
    worker.once('message', answered);
    worker.once('error', reject);
    worker.postMessage(range);
  });
}

function add(name: string, report: RangeReport): void {
  const total = totals.get(name);
  if (total === undefined) throw new Error(`no positive ${name}`);
  total.judged += report.judged;
  total.padding += report.padding;
  total.otherClaims += report.otherClaims;
  total.findings.push(...report.findings);
  if (report.slowestMs > total.slowestMs)
    Object.assign(total, { slowestMs: report.slowestMs, slowest: report.slowest });
  judged += report.judged;
  if (performance.now() - shown < PROGRESS_MS) return;
  shown = performance.now();
  process.stderr.write(`${Math.floor((judged / expected) * 100)} % of ${expected} changes: ${name}\n`);
}
