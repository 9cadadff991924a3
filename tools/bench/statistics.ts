/**
 * Medians and how they are shown.
 *
 * @module
 */

export interface Figure {
  readonly name: string;
  /** In `unit`; `×` is a plain ratio. Empty where it could not be measured. */
  readonly samples: readonly number[];
  readonly unit: 'ms' | 'µs' | '×' | 'kB' | '/s';
  /** What was promised for it; empty for the other side of a comparison. */
  readonly target: string;
}

/** The middle one of an odd number of samples, else the mean of the two in the middle. */
function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((left, right) => left - right);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

/** A row of the table; one without samples was not measured, as its name says. */
export function line({ name, samples, unit, target }: Figure): string {
  const show = (value: number): string => `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ${unit}`;
  if (samples.length === 0) return `| ${name} | – | – | ${target} |`;
  return `| ${name} | ${show(median(samples))} | ${show(Math.min(...samples))} to ${show(Math.max(...samples))} | ${target} |`;
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
