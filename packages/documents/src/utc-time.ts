/**
 * Times in signed documents: RFC 3339 in UTC to the whole second, written in exactly one way.
 *
 * `Date.parse` takes many spellings, moves days that do not exist, and reads some without a zone as local time;
 * two programs would then compare different times under one signature. Here there is `2026-11-23T09:00:00Z` and
 * nothing else: no fraction, no offset, no leap second, no hour 24, no lower-case letters.
 *
 * Specification: RFC 3339, section 5.6, narrowed.
 *
 * @module
 */
import { type Shape, text } from './shape.ts';

const WHAT = 'a time in UTC such as 2026-11-23T09:00:00Z';
const FORM = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z$/;

/** Seconds since 1970; `undefined` for any other text than {@link formatUtc} writes. */
export function parseUtc(value: string): number | undefined {
  const [, ...digits] = FORM.exec(value) ?? [];
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = digits.map(Number);
  const seconds = Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
  // Days and hours that do not exist were moved, and read back otherwise.
  return digits.length === 6 && formatUtc(seconds) === value ? seconds : undefined;
}

/** @param seconds - Since 1970; fractions are cut off. */
export function formatUtc(seconds: number): string {
  return `${new Date(Math.floor(seconds) * 1000).toISOString().slice(0, -'.000Z'.length)}Z`;
}

const written = text(WHAT, FORM);

export const utcTimeShape: Shape<string> = {
  schema: written.schema,
  parse: (value, path = []) => {
    const parsed = written.parse(value, path);
    if (!parsed.ok || parseUtc(parsed.value) !== undefined) return parsed;
    return { ok: false, issues: [{ path, message: `expected ${WHAT}, found ${JSON.stringify(parsed.value)}` }] };
  },
};
