/**
 * A clock that goes on where it was after a restart, for windows of spending.
 *
 * Within a boot it is the monotonic clock. How far it was is in every commit. While the service is down it stands
 * still, unless the anchor says what time it is: then the time that passed by that is added, counted short by whatever
 * is not certain. Within a boot it makes up in the same way for a machine that was stopped, or whose clock ran slowly.
 * So it is never ahead of real time, and what is within a window stays there at least as long.
 *
 * @module
 */
import type { WitnessedTime } from '@vitrine/attester';
import { type Infer, integer, object, oneOf, optional, parseDocument, type Shape } from '@vitrine/documents';

const shape = object({
  type: oneOf('vitrine/lasting-clock/v1'),
  /** Milliseconds on this clock, whose beginning is that of the state. */
  at: integer(0),
  /** Milliseconds since 1970: not later than that it was then, by the anchor. */
  witnessed: optional(integer(0)),
});
const clockShape: Shape<Infer<typeof shape>> = shape;

export interface LastingClock {
  /** Milliseconds. Never goes back, while the monotonic clock does not. */
  now(): number;
  /** How far it is, to be kept. */
  record(): Uint8Array;
}

export interface LastingClockOptions {
  /** What {@link LastingClock.record} gave last; `undefined` for the first time. */
  readonly record: Uint8Array | undefined;
  /** Milliseconds on a clock that is never set. */
  readonly monotonic: () => number;
  /** What time it is, where somebody says so. Asked now for the time since the record. */
  readonly time: () => WitnessedTime | undefined;
}

/** @throws VitrineError for a record that is none. */
export function openLastingClock({ record, monotonic, time }: LastingClockOptions): LastingClock {
  const before = record && parseDocument(new TextDecoder().decode(record), clockShape, 'the clock of what was spent');
  const start = monotonic();
  const opened = time();
  const base = (before?.at ?? 0) + passed(before?.witnessed, opened);
  let behind = 0;
  const now = (): number => {
    const elapsed = monotonic() - start;
    behind = Math.max(behind, passed(opened?.latest, time()) - elapsed);
    return base + elapsed + behind;
  };
  return {
    now,
    record: () => {
      const latest = time()?.latest;
      const made: Infer<typeof shape> = {
        type: 'vitrine/lasting-clock/v1',
        at: Math.max(0, Math.floor(now())),
        ...(latest === undefined ? {} : { witnessed: Math.ceil(latest) }),
      };
      return new TextEncoder().encode(JSON.stringify(made));
    },
  };
}

function passed(then: number | undefined, now: WitnessedTime | undefined): number {
  if (then === undefined || now === undefined) return 0;
  return Math.max(0, Math.floor(now.earliest) - Math.ceil(then));
}
