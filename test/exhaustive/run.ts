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
import { missingVectors } from '../vectors.ts';
import { countChanges } from './changes.ts';
import type { Positive } from './positive.ts';
import { positives } from './positives.ts';
import type { Range, RangeReport } from './range.ts';
import { judgeSubject } from './subjects.ts';

const RANGE = 500;
const MAX_SHOWN = 20;
const PROGRESS_MS = 5_000;

interface Total {
  judged: number;
  padding: number;
  otherClaims: number;
  readonly unmeasured: Map<string, number>;
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
  const { rank } = await judgeSubject(positive.subject, positive.bytes);
  if (rank !== undefined) accepted.push(positive);
  else {
    notAccepted++;
    process.stdout.write(`FAILED  ${positive.name}: not accepted as it is, so there is nothing to change\n`);
  }
}

const queue = accepted.flatMap((positive) => rangesOf(positive));
const totals = new Map<string, Total>(
  accepted.map(({ name }) => [
    name,
    { judged: 0, padding: 0, otherClaims: 0, unmeasured: new Map(), findings: [], slowestMs: 0, slowest: '' },
  ]),
);
const expected = accepted.reduce((sum, one) => sum + countChanges(one.bytes.length, one.step), 0);
const started = performance.now();
let judged = 0;
let shown = started;

await Promise.all(Array.from({ length: availableParallelism() }, work));

process.stdout.write('| what is changed | bytes | bits | changes | accepted | slowest |\n|---|--:|---|--:|---|--:|\n');
let unused = 0;
for (const { name, bytes, step, unmeasured: ranges } of accepted) {
  const total = totalOf(name);
  const notes = [
    ...(total.padding === 0 ? [] : [`${total.padding} in the padding alone, which may vary`]),
    ...(total.otherClaims === 0 ? [] : [`${total.otherClaims} with claims that show it`]),
    ...[...total.unmeasured].map(([ground, count]) => `${count} in ${ground}`),
    ...(total.findings.length === 0 ? [] : [`**${total.findings.length} findings**`]),
  ];
  const bits = step === undefined ? 'all' : `one in ${step}`;
  const slowest = `${total.slowestMs.toFixed(1)} ms`;
  process.stdout.write(
    `| ${name} | ${bytes.length} | ${bits} | ${total.judged} | ${notes.join('; ') || 'none'} | ${slowest} |\n`,
  );
  for (const { ground } of ranges) {
    if (total.unmeasured.has(ground)) continue;
    unused++;
    process.stderr.write(`FAILED  ${name}: no change was accepted in ${ground}, so nothing there is to be excepted\n`);
  }
}
for (const [name, { findings }] of totals) {
  for (const finding of findings.slice(0, MAX_SHOWN)) process.stdout.write(`FAILED  ${name}: ${finding}\n`);
  if (findings.length > MAX_SHOWN) process.stdout.write(`FAILED  ${name}: and ${findings.length - MAX_SHOWN} more\n`);
}
const found = [...totals.values()].reduce((sum, { findings }) => sum + findings.length, 0);
process.stdout.write(
  `${judged} changes of ${accepted.length} positives in ${((performance.now() - started) / 1000).toFixed(0)} s: ${found} findings\n`,
);
process.exitCode = found + notAccepted + unused === 0 ? 0 : 1;

function rangesOf(positive: Positive): readonly Range[] {
  const count = countChanges(positive.bytes.length, positive.step);
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

function totalOf(name: string): Total {
  const total = totals.get(name);
  if (total === undefined) throw new Error(`no positive ${name}`);
  return total;
}

function add(name: string, report: RangeReport): void {
  const total = totalOf(name);
  total.judged += report.judged;
  total.padding += report.padding;
  total.otherClaims += report.otherClaims;
  for (const [ground, count] of Object.entries(report.unmeasured)) {
    total.unmeasured.set(ground, (total.unmeasured.get(ground) ?? 0) + count);
  }
  total.findings.push(...report.findings);
  if (report.slowestMs > total.slowestMs)
    Object.assign(total, { slowestMs: report.slowestMs, slowest: report.slowest });
  judged += report.judged;
  if (performance.now() - shown < PROGRESS_MS) return;
  shown = performance.now();
  process.stderr.write(`${Math.floor((judged / expected) * 100)} % of ${expected} changes: ${name}\n`);
}
