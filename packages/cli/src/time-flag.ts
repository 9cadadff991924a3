/**
 * The flag `--at`: a time in place of now.
 *
 * @module
 */
import { UsageError } from '@vitrine/documents';

/** @throws UsageError for anything but an RFC 3339 time. */
export function parseTime(text: string): Date {
  const time = new Date(text);
  if (/^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(time.getTime()))
    return time;
  throw new UsageError(
    'usage.at',
    `--at: expected an RFC 3339 time such as 2026-02-18T14:04:40Z, found ${JSON.stringify(text)}`,
  );
}
