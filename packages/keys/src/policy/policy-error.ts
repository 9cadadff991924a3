/**
 * How a policy that does not load is refused: where, what was found, and what to write instead.
 *
 * @module
 */
import { type Issue, showPath, UsageError } from '@vitrine/documents';

export type Path = Issue['path'];

/**
 * Refuses the policy. `problem` says what was found and what to do, and stands after the place.
 *
 * @throws UsageError always, with code `policy.<code>`.
 */
export function refusePolicy(code: string, path: Path, problem: string): never {
  throw new UsageError(`policy.${code}`, `${showPath(path)}: ${problem}`, { cause: new Place(path) });
}

/** Stays with an error as its cause, so that whoever has the file can say line and column. */
class Place {
  readonly path: Path;
  constructor(path: Path) {
    this.path = path;
  }
}

/** Where in the manifest a refused policy is wrong; `undefined` for an error of another kind. */
export function placeOf({ cause }: Error): Path | undefined {
  return cause instanceof Place ? cause.path : undefined;
}

/** `text` in quotes, cut so that a hostile name cannot flood a message. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

/** The entries of `values` as a set; a list that says something twice was probably meant otherwise. */
export function uniqueSet<T extends string | number>(path: Path, values: readonly T[]): ReadonlySet<T> {
  const seen = new Set<T>();
  for (const [index, value] of values.entries()) {
    if (seen.has(value)) {
      refusePolicy('duplicate', [...path, index], `${quoted(String(value))} stands in this list twice; leave one out`);
    }
    seen.add(value);
  }
  return seen;
}
