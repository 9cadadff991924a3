/**
 * Keeps requests for evidence from overrunning the hardware: so many at once, a bounded line, and a rate.
 *
 * Whoever finds the line full or the rate spent is told at once that the hardware is busy. A request that fails
 * fails alone, and one that is slow delays those behind it, each of which still gets its own answer.
 *
 * @module
 */
import { UsageError, VitrineError } from '@vitrine/documents';
import type { QuoteSource } from './quote-source.ts';

export interface EvidenceQueueOptions {
  /** Under way at the same time; 1 unless given, which suits all hardware. */
  readonly concurrent?: number;
  /** Waiting beside those. */
  readonly waiting: number;
  /** As many as this in a row, and per minute in the long run; unlimited unless given. */
  readonly perMinute?: number;
  /** Milliseconds on a clock that is never set. */
  readonly monotonic: () => number;
}

const MINUTE_MS = 60_000;

/** `source` behind a line. Everything but quotes is passed through. */
export function queuedQuoteSource(source: QuoteSource, options: EvidenceQueueOptions): QuoteSource {
  const { concurrent = 1, waiting, perMinute, monotonic } = options;
  requireCount('concurrent', concurrent, 1);
  requireCount('waiting', waiting, 0);
  if (perMinute !== undefined) requireCount('perMinute', perMinute, 1);
  const line: (() => void)[] = [];
  let running = 0;
  let tokens = perMinute ?? 0;
  let filledAt = monotonic();

  function admit(): void {
    if (running >= concurrent && line.length >= waiting) {
      throw busy(`${running} requests for evidence are under way and ${line.length} are waiting`);
    }
    if (perMinute === undefined) return;
    const now = monotonic();
    tokens = Math.min(perMinute, tokens + (Math.max(0, now - filledAt) / MINUTE_MS) * perMinute);
    filledAt = now;
    if (tokens < 1) throw busy(`evidence is made ${perMinute} times a minute here`);
    tokens--;
  }

  async function turn(): Promise<void> {
    if (running < concurrent) {
      running++;
      return;
    }
    // Whoever finishes hands its place on, so `running` stays as it is.
    await new Promise<void>((resolve) => line.push(resolve));
  }

  function leave(): void {
    const next = line.shift();
    if (next === undefined) running--;
    else next();
  }

  const { eventLog, launch } = source;
  return {
    technology: source.technology,
    quote: async (reportData) => {
      admit();
      await turn();
      try {
        return await source.quote(reportData);
      } finally {
        leave();
      }
    },
    endorsements: () => source.endorsements(),
    ...(eventLog === undefined ? {} : { eventLog: () => eventLog.call(source) }),
    ...(launch === undefined ? {} : { launch: () => launch.call(source) }),
  };
}

function busy(why: string): VitrineError {
  return new VitrineError('attester.busy', `${why}; try again later`);
}

function requireCount(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new UsageError('attester.queue', `${name} must be an integer of at least ${least}, found ${value}`);
}
