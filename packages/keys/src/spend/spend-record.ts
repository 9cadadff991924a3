/**
 * What the store keeps of reservations: those that became durable together are one record, which costs
 * little more than one of them would.
 *
 * Its time is of a clock that goes on over restarts, which there is with a freshness anchor. Without one it has none: the
 * clock that windows run on begins anew with each boot, and the wall clock can be set.
 *
 * @module
 */
import {
  type Infer,
  integer,
  list,
  object,
  oneOf,
  optional,
  parseStrictJson,
  type Shape,
  text,
} from '@vitrine/documents';
import { LedgerError } from './ledger-error.ts';

const shape = object({
  type: oneOf('vitrine/spend/v1'),
  /** Milliseconds on the clock of the state, when it was written; there exactly where there is an anchor. */
  at: optional(integer(0)),
  /** Seconds: of the longest window that one of them counts in. */
  window: integer(1),
  /** In the order of their serials. */
  reservations: list(
    object({
      /** Rises from reservation to reservation. */
      serial: integer(1),
      key: text('the name of a key'),
      charges: list(
        object({
          limit: text('the name of a limit'),
          /** Tool or principal; empty for a limit of the whole key. */
          scope: text(),
          amount: text('a whole number above 0, as decimal digits', /^[1-9][0-9]*$/),
        }),
      ),
    }),
  ),
});

export type SpendRecord = Infer<typeof shape>;
const recordShape: Shape<SpendRecord> = shape;

/** By the first serial, of equal length, so that they are in the order of serials. */
export function recordId({ reservations }: Pick<SpendRecord, 'reservations'>): string {
  return String(reservations[0]?.serial).padStart(16, '0');
}

export function encodeRecord(record: Omit<SpendRecord, 'type'>): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ type: 'vitrine/spend/v1', ...record }));
}

/** @throws LedgerError `ledger.record`. */
export function decodeRecord(bytes: Uint8Array): SpendRecord {
  let value: unknown;
  try {
    value = parseStrictJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    throw new LedgerError('ledger.record', 'a record of what was spent is not JSON', { cause: error });
  }
  const parsed = recordShape.parse(value);
  if (parsed.ok) return parsed.value;
  const [issue] = parsed.issues;
  throw new LedgerError('ledger.record', `a record of what was spent is not in order: ${issue?.message ?? ''}`);
}
