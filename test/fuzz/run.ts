/**
 * `npm run fuzz [-- --seconds N] [--runs N] [--target NAME] [--seed N] [--keep] [--input FILE]`:
 * any bytes give a value or a refusal, each input in under 50 ms.
 *
 * Without options all targets share a minute. `--keep` writes the corpus anew, with seeds from the
 * simulator and what reached more; `--input` runs one file, to look into a finding. The numbers come
 * from `--seed`, so a run with the same seed and `--runs` instead of time repeats.
 *
 * Exit code 0 when nothing was found, 1 otherwise, 2 for wrong arguments.
 *
 * @module
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { nameOf, readCorpus, writeCorpus } from './corpus.ts';
import { TARGETS } from './targets.ts';
import type { Finding, Order, Report } from './worker.ts';

const TOTAL_SECONDS = 60;
/** What never ends is ended after this. */
const HANG_MS = 10_000;
const WATCH_MS = 1_000;
const MAX_INPUT_BYTES = 1 << 16;
const MAX_HEAP_MIB = 256;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string' },
    runs: { type: 'string' },
    target: { type: 'string' },
    seed: { type: 'string' },
    keep: { type: 'boolean', default: false },
    input: { type: 'string' },
  },
});
const names = values.target === undefined ? Object.keys(TARGETS) : [values.target];
if (names.some((name) => !Object.hasOwn(TARGETS, name))) {
  process.stderr.write(`--target: expected one of ${Object.keys(TARGETS).join(', ')}\n`);
  process.exit(2);
}
const threads = Math.min(names.length, availableParallelism());
const seconds =
  numberOf('seconds', values.seconds) ??
  (values.runs === undefined ? (TOTAL_SECONDS * threads) / names.length : 86_400);
const runs = numberOf('runs', values.runs) ?? Number.MAX_SAFE_INTEGER;
const seed = numberOf('seed', values.seed) ?? Math.floor(Date.now() / 1000);
const inputs = values.input === undefined ? undefined : [readFileSync(values.input)];

process.stdout.write(`seed ${seed}, ${inputs === undefined ? `${seconds.toFixed(0)} s for each target` : '1 input'}\n`);
const queue = [...names];
let findings = 0;
await Promise.all(
  Array.from({ length: threads }, async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) await fuzz(name);
  }),
);
process.stdout.write(`${findings} findings\n`);
process.exitCode = findings === 0 ? 0 : 1;

async function fuzz(name: string): Promise<void> {
  const seeds = values.keep ? await seedsOf(name) : [];
  const corpus = inputs ?? [...seeds, ...readCorpus(name)];
  if (corpus.length === 0) process.stderr.write(`${name}: no corpus; --keep makes one\n`);
  const current = new SharedArrayBuffer(4 + MAX_INPUT_BYTES);
  const order: Order = {
    name,
    corpus,
    seed,
    milliseconds: seconds * 1000,
    runs: inputs === undefined ? runs : 0,
    current,
  };
  const report = await reportOf(order);
  if (values.keep) writeCorpus(name, report.corpus);
  const { branches, reached, slowestMs } = report;
  process.stdout.write(
    `${report.findings.length === 0 ? 'ok    ' : 'FAILED'}  ${name}: ${report.runs} inputs, ${reached} of ${branches} branches, ` +
      `corpus ${report.corpus.length}, slowest ${slowestMs.toFixed(1)} ms\n`,
  );
  for (const finding of report.findings) show(name, finding);
  findings += report.findings.length;
}

async function seedsOf(name: string): Promise<readonly Uint8Array[]> {
  const module = await TARGETS[name]?.();
  return module === undefined ? [] : Object.values(await module.target.seeds());
}

/** The worker's report; what hangs it, or takes all memory, becomes a finding. */
function reportOf(order: Order): Promise<Report> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: order,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB },
  });
  const bytesShown = new Int32Array(order.current, 0, 1);
  const input = (): Uint8Array => new Uint8Array(order.current, 4, Atomics.load(bytesShown, 0)).slice();
  const failed = (what: string): Report => ({
    runs: 0,
    branches: 0,
    reached: 0,
    slowestMs: 0,
    corpus: order.corpus,
    findings: [{ what, input: input() }],
  });
  return new Promise((resolve, reject) => {
    let last = '';
    let since = performance.now();
    const watch = setInterval(() => {
      const now = nameOf(input());
      if (now !== last) [last, since] = [now, performance.now()];
      if (performance.now() - since > HANG_MS) done(failed(`still runs after ${HANG_MS / 1000} s`));
    }, WATCH_MS);
    const done = (report: Report): void => {
      clearInterval(watch);
      worker.terminate().then(() => resolve(report), reject);
    };
    worker.once('message', done);
    worker.once('error', (error: Error) => done(failed(`ended the thread: ${error.message}`)));
  });
}

function show(name: string, { what, input }: Finding): void {
  const directory = join(tmpdir(), 'vitrine-fuzz');
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${name}-${nameOf(input)}`);
  writeFileSync(file, input);
  process.stdout.write(`          ${what}\n          repeat: npm run fuzz -- --target ${name} --input ${file}\n`);
}

function numberOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  process.stderr.write(`--${option}: expected a positive whole number, found ${JSON.stringify(text)}\n`);
  process.exit(2);
}
