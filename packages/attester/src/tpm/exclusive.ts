/**
 * Procedures of several commands, one after the other: a TPM without a resource manager has room for three objects,
 * and two procedures at once would take each other's.
 *
 * @module
 */
import type { TpmTransport } from './transport.ts';

const lasts: WeakMap<TpmTransport, Promise<unknown>> = new WeakMap();

/** Runs `work` when every earlier procedure on this transport is done. Not to be nested. */
export function exclusively<T>(transport: TpmTransport, work: () => Promise<T>): Promise<T> {
  const result = (lasts.get(transport) ?? Promise.resolve()).then(work);
  lasts.set(
    transport,
    result.catch(() => undefined),
  );
  return result;
}
