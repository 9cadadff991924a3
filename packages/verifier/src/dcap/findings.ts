/**
 * How findings become checks, the same for every DCAP technology.
 *
 * @module
 */
import { type Attempt, type Difference, RefusalError, refuse } from '../refusal.ts';
import type { Check } from '../result.ts';

export function passed(id: string, message: string, difference: Difference): Check {
  return { id, status: 'passed', ...difference, message };
}

export function failed(id: string, message: string, difference: Difference): Check {
  return { id, status: 'failed', ...difference, message };
}

export function waived(id: string, message: string, difference: Difference): Check {
  return { id, status: 'waived', ...difference, message };
}

/** Not evaluated, for `reason`. */
export function unavailable(id: string, reason: string): Check {
  return { id, status: 'unavailable', message: `Not evaluated: ${reason}.` };
}

/** Passed with the message that `passed` gives, or failed with the refusal's. */
export function evaluated<T>(id: string, result: Attempt<T>, anchor: string, message: (value: T) => string): Check {
  return result.ok
    ? { id, status: 'passed', anchor, message: message(result.value) }
    : { id, status: 'failed', ...result.refusal.difference, anchor, message: sentence(result.refusal.message) };
}

/** Who brought an endorsement: somebody who stands behind it, or a fetcher that asked a vendor's service. */
export type Origin = 'given' | 'fetched';

/**
 * An endorsement that cannot be used, so it says nothing about the evidence. Where it was given,
 * perhaps by the party that wants its revocation hidden, the check has failed; a service that
 * answers wrongly leaves it open.
 */
export function unusable(id: string, { message, difference }: RefusalError, anchor: string, origin: Origin): Check {
  return origin === 'given'
    ? { id, status: 'failed', ...difference, anchor, message: sentence(message) }
    : {
        id,
        status: 'unavailable',
        ...difference,
        message: `${sentence(message)} Fetched from a service, so nothing follows.`,
      };
}

/** Goes on with a value unless it is a refusal, and turns a refusal on the way into one. */
export function proceed<T, U>(value: Attempt<T>, next: (value: T) => U): Attempt<U> {
  if (!value.ok) return value;
  try {
    return { ok: true, value: next(value.value) };
  } catch (error) {
    if (error instanceof RefusalError) return { ok: false, refusal: error };
    throw error;
  }
}

/** Refuses with `message` unless the two are equal. */
export function demandEqual(message: string, expected: string, actual: string): void {
  if (expected !== actual) refuse(message, { expected, actual });
}

/** A refusal's message as a sentence. */
export function sentence(message: string): string {
  return `${message.slice(0, 1).toUpperCase()}${message.slice(1)}.`;
}

/** Bits as a hexadecimal number. */
export function showBits(bits: bigint): string {
  return `0x${bits.toString(16)}`;
}
