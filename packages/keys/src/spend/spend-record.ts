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
  base64Url,
  type Infer,
  integer,
  list,
  object,
  oneOf,
  optional,
  parseStrictJson,
  type Shape,
  text,
  toBase64Url,
} from '@vitrine/documents';
import { LedgerError } from './ledger-error.ts';
import type { Part } from './room.ts';

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
      /**
       * SHA-256 of what was asked. A machine that was copied while it ran may draw the same random bytes at the same
       * time; two requests are two commits even then, and the anchor lets one of them through.
       */
      request: optional(base64Url(32)),
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

/** A reservation that is to be kept. */
interface Recorded {
  readonly serial: number;
  readonly key: string;
  /** SHA-256 of what was asked. */
  readonly request?: Uint8Array;
  readonly parts: readonly Part[];
}

/** @param at - When, where that is recorded. */
export function recordOf(lasting: readonly Recorded[], at: number | undefined): Omit<SpendRecord, 'type'> {
  return {
    ...(at === undefined ? {} : { at: Math.ceil(at) }),
    window: Math.max(...lasting.flatMap(({ parts }) => parts.map(({ limit }) => limit.rule.window))),
    reservations: lasting.map(({ serial, key, parts, request }) => ({
      serial,
      key,
      ...(request === undefined ? {} : { request: toBase64Url(request) }),
      charges: parts.map(({ limit, scope, amount }) => ({ limit: limit.rule.id, scope, amount: String(amount) })),
    })),
  };
}

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
