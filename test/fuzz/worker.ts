/**
 * Fuzzes one target in a thread of its own: changes inputs, and keeps what reaches a branch more
 * often, by powers of two, than anything before. The main thread watches over it.
 *
 * @module
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { instrument as Instrument } from './instrument.ts';
import type { Target } from './target.ts';

export interface Order {
  readonly name: string;
  readonly corpus: readonly Uint8Array[];
  readonly seed: number;
  readonly milliseconds: number;
  readonly runs: number;
  /** Length, then bytes of the input that is being tried, for the main thread to read if it never ends. */
  readonly current: SharedArrayBuffer;
}

export interface Finding {
  readonly what: string;
  readonly input: Uint8Array;
}

export interface Report {
  readonly runs: number;
  readonly branches: number;
  readonly reached: number;
  readonly slowestMs: number;
  /** Few inputs that together reach all that was reached, those first that reach most. */
  readonly corpus: readonly Uint8Array[];
  readonly findings: readonly Finding[];
}

const MAX_FINDINGS = 10;
const BUDGET_MS = 50;
/** A slow run is repeated: the machine, and compiling, can be slow once. */
const REPEATS = 3;

if (parentPort !== null) parentPort.postMessage(await fuzz(workerData as Order));

async function fuzz(order: Order): Promise<Report> {
  // The parsers are to be loaded after this, so nothing here imports them above.
  const { instrument } = (await import('./instrument.ts')) as { readonly instrument: typeof Instrument };
  const coverage = instrument();
  const { TARGETS } = await import('./targets.ts');
  const { isRefusal } = await import('./target.ts');
  const { mutate, randomFrom } = await import('./mutate.ts');
  const load = TARGETS[order.name];
  if (load === undefined) throw new Error(`no target ${order.name}`);
  const { target } = await load();
  const { map } = coverage;
  const shown = new Int32Array(order.current, 0, 1);
  const copy = new Uint8Array(order.current, 4);

  const reached = new Set<number>();
  const corpus: Uint8Array[] = [];
  const features: number[][] = [];
  const findings: Finding[] = [];
  const kinds = new Set<string>();
  let runs = 0;
  let slowestMs = 0;

  const report = (what: string, input: Uint8Array): void => {
    if (kinds.has(what) || findings.length >= MAX_FINDINGS) return;
    kinds.add(what);
    findings.push({ what, input });
  };
  const attempt = (input: Uint8Array<ArrayBuffer>): number => {
    map.fill(0);
    const started = performance.now();
    const wrong = outcome(target, isRefusal, input);
    const took = performance.now() - started;
    if (wrong !== undefined) report(wrong, input);
    return took;
  };
  const tryInput = (input: Uint8Array<ArrayBuffer>): void => {
    copy.set(input.subarray(0, copy.length));
    Atomics.store(shown, 0, input.length);
    runs++;
    let took = attempt(input);
    for (let again = 0; took > BUDGET_MS && again < REPEATS; again++) took = Math.min(took, attempt(input));
    if (took > BUDGET_MS) report(`takes more than ${BUDGET_MS} ms`, input);
    slowestMs = Math.max(slowestMs, took);
    const found = featuresOf(map, coverage.branches());
    if (!found.some((feature) => !reached.has(feature))) return;
    for (const feature of found) reached.add(feature);
    corpus.push(input);
    features.push(found);
  };

  for (const input of order.corpus) tryInput(Uint8Array.from(input));
  tryInput(new Uint8Array());
  const random = randomFrom(order.seed);
  const material = { corpus, tokens: coverage.tokens(), maxLength: target.maxLength };
  const end = performance.now() + order.milliseconds;
  while (runs < order.runs && performance.now() < end) {
    // Half of the time what was found last, since nobody has looked around there yet.
    const near = Math.min(corpus.length, 8);
    const index = random(2) === 0 ? corpus.length - 1 - random(near) : random(corpus.length);
    tryInput(mutate(corpus[index] ?? new Uint8Array(), material, random));
  }
  return {
    runs,
    branches: coverage.branches(),
    reached: new Set([...reached].map((feature) => feature >> 3)).size,
    slowestMs,
    corpus: smallest(corpus, features),
    findings,
  };
}

/** `undefined` for a value or a refusal, else what is wrong. */
function outcome(
  target: Target,
  isRefusal: (target: Target, error: unknown) => boolean,
  input: Uint8Array<ArrayBuffer>,
): string | undefined {
  try {
    target.run(input);
    return undefined;
  } catch (error) {
    if (isRefusal(target, error)) return undefined;
    return error instanceof Error ? `${error.name}: ${error.message}`.slice(0, 200) : String(error);
  }
}

/** One number for each branch that ran and the power of two of how often it did. */
function featuresOf(map: Uint8Array, branches: number): number[] {
  const features: number[] = [];
  for (let branch = 0; branch < branches; branch++) {
    const count = map[branch] ?? 0;
    if (count !== 0) features.push(branch * 8 + (31 - Math.clz32(count)));
  }
  return features;
}

/** Greedy: what reaches most of what is not reached yet comes first, and among equals the shortest. */
function smallest(corpus: readonly Uint8Array[], features: readonly (readonly number[])[]): readonly Uint8Array[] {
  const left = corpus.map((input, index) => ({ input, own: features[index] ?? [] }));
  left.sort((one, other) => one.input.length - other.input.length);
  const chosen: Uint8Array[] = [];
  const seen = new Set<number>();
  for (;;) {
    const gains = left.map(({ own }) => own.filter((feature) => !seen.has(feature)).length);
    const best = gains.indexOf(Math.max(...gains));
    const next = gains[best] === 0 ? undefined : left[best];
    if (next === undefined) return chosen;
    chosen.push(next.input);
    for (const feature of next.own) seen.add(feature);
  }
}
