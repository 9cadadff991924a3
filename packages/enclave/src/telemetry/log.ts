/**
 * The operator's log: one JSON object a line, made of nothing but the fields that are allowed here for
 * each event. Words come from closed lists, identifiers are hashed with a key of this boot, times and
 * sizes are rounded up to a few steps, so that a log tells how the enclave does and not who did what.
 *
 * There is no field for a message, an argument, a result, a token, a URI, a tool, a header or an address,
 * and no way to add one from outside.
 *
 * @module
 */
import { createHmac } from 'node:crypto';
import { AUTH_REFUSALS, ERAS, METHOD_CLASSES, RATE_KEYS, SERVER_ENDS, STATES } from './words.ts';

type Level = 'info' | 'warning';

/** Milliseconds; what takes longer is in the last step. */
export const LATENCY_STEPS: readonly number[] = [
  1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 60_000,
];

type Field = (value: string | number, key: Uint8Array) => string | number | undefined;

const word =
  (words: readonly string[]): Field =>
  (value) =>
    words.find((one) => one === value);

/** An HTTP status, which is ours to choose. */
const status: Field = (value) =>
  Number.isInteger(value) && Number(value) >= 100 && Number(value) < 600 ? value : undefined;

const latency: Field = (value) => {
  const step = LATENCY_STEPS.find((one) => Number(value) <= one);
  return step === undefined ? `>${LATENCY_STEPS.at(-1)}` : `<=${step}`;
};

/** Tells within one boot that two lines are about the same one, and nothing else. */
const hashed: Field = (value, key) => createHmac('sha256', key).update(String(value)).digest('hex').slice(0, 12);

const EVENTS = {
  'enclave.state': { state: word(STATES) },
  'request.done': {
    era: word(ERAS),
    method: word(METHOD_CLASSES),
    status,
    latencyMs: latency,
    principal: hashed,
  },
  'evidence.asked': { status },
  'auth.refused': { reason: word(AUTH_REFUSALS) },
  'rate.refused': { by: word(RATE_KEYS) },
  'server.ended': { how: word(SERVER_ENDS), principal: hashed },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Field>>>>;

export type EventName = keyof typeof EVENTS;
/** Values for an event's fields, as they are: the log makes them fit to be seen. */
export type EventFields<Name extends EventName> = Readonly<
  Partial<Record<keyof (typeof EVENTS)[Name], string | number>>
>;

export interface Log {
  write<Name extends EventName>(level: Level, event: Name, fields: EventFields<Name>): void;
}

export interface LogOptions {
  /** Gets each line with its line ending. */
  readonly write: (line: string) => void;
  readonly now: () => Date;
  /** Made at this boot and kept nowhere else; 32 bytes. */
  readonly key: Uint8Array;
}

export function createLog({ write, now, key }: LogOptions): Log {
  return {
    write(level, event, fields) {
      const allowed: Readonly<Record<string, Field>> = EVENTS[event];
      const given: Readonly<Record<string, string | number | undefined>> = fields;
      const record: Record<string, string | number> = { time: now().toISOString(), level, event };
      for (const [name, field] of Object.entries(allowed)) {
        const value = given[name];
        const shown = value === undefined ? undefined : field(value, key);
        if (shown !== undefined) record[name] = shown;
      }
      write(`${JSON.stringify(record)}\n`);
    },
  };
}
