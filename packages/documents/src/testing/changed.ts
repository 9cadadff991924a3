/**
 * Documents with one thing changed, for tests.
 *
 * @module
 */

/** Stands for a member that is taken out. */
export const ABSENT: unique symbol = Symbol('absent');

/** A copy of `document` with `value` at `path`, such as `rules.0.effects`; other members stay. */
export function changed(document: unknown, path: string, value: unknown): unknown {
  const copy: unknown = structuredClone(document);
  const steps = path.split('.');
  const last = steps.pop() ?? '';
  const holder = steps.reduce<unknown>((at, step) => {
    const next = (at as Record<string, unknown>)[step];
    if (typeof next !== 'object' || next === null) throw new Error(`nothing at ${step} of ${path}`);
    return next;
  }, copy) as Record<string, unknown>;
  if (value === ABSENT) {
    if (!Object.hasOwn(holder, last)) throw new Error(`nothing at ${path}`);
    delete holder[last];
  } else holder[last] = value;
  return copy;
}
