/**
 * What was authenticated before: a bounded memory for values whose signatures were found good.
 *
 * That signatures join given bytes is a fact that does not depend on time, policy or trust. So a
 * value is remembered under the very bytes that it was made from, together with the time in which
 * all of it is in force. Outside that time it is not found, and the caller goes the whole way again
 * and says what is wrong. Failures are never remembered.
 *
 * @module
 */

/** From the latest beginning to the earliest end, in milliseconds. */
export interface Validity {
  readonly from: number;
  readonly until: number;
}

/** The time in which all of `spans` are in force, both ends included. */
export function commonValidity(spans: readonly (readonly [from: Date, until: Date])[]): Validity {
  let [latest, earliest] = [-Infinity, Infinity];
  for (const [from, until] of spans) {
    latest = Math.max(latest, from.getTime());
    earliest = Math.min(earliest, until.getTime());
  }
  return { from: latest, until: earliest };
}

export function inForceAt({ from, until }: Validity, now: Date): boolean {
  const time = now.getTime();
  return from <= time && time <= until;
}

/** Puts `value` under `key`; beyond `limit` entries the oldest is forgotten. */
export function remember<T>(memory: Map<string, T>, key: string, value: T, limit: number): void {
  // Maps keep the order of insertion, so the first is the oldest.
  if (!memory.has(key) && memory.size >= limit) memory.delete(memory.keys().next().value ?? key);
  memory.set(key, value);
}
