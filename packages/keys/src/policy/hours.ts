/**
 * Hours of allow rules. They are of UTC, so that they mean the same for everyone who reads the policy.
 *
 * @module
 */
import type { Hours } from './loaded-policy.ts';
import { type Path, refusePolicy, uniqueSet } from './policy-error.ts';

/** In the order of `Date.getUTCDay`. */
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

interface WrittenHours {
  readonly days: readonly (typeof DAYS)[number][];
  readonly from: string;
  readonly to: string;
}

export function compileHours(path: Path, written: WrittenHours): Hours {
  const days = new Set([...uniqueSet([...path, 'days'], written.days)].map((day) => DAYS.indexOf(day)));
  const from = minutes(written.from);
  const to = minutes(written.to);
  if (from === to) {
    refusePolicy('hours', path, `from and to are both ${written.from}; for whole days write 00:00 and 24:00`);
  }
  if (from > to) {
    refusePolicy(
      'hours',
      path,
      `${written.from} is after ${written.to}; for a night write two rules, one to 24:00 and one from 00:00, each with its days`,
    );
  }
  return { days, from, to };
}

/** Whether `now` lies within; an invalid date does not. */
export function withinHours({ days, from, to }: Hours, now: Date): boolean {
  const minute = now.getUTCHours() * 60 + now.getUTCMinutes();
  return days.has(now.getUTCDay()) && minute >= from && minute < to;
}

/** Such as `mon, tue 09:00-17:00 UTC`. */
export function showHours({ days, from, to }: Hours): string {
  const clock = (minute: number): string =>
    `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
  const names = DAYS.filter((_, index) => days.has(index));
  return `${names.join(', ')} ${clock(from)}-${clock(to)} UTC`;
}

function minutes(clock: string): number {
  return Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3));
}
