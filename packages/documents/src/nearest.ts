/**
 * What somebody probably meant who wrote a name that is not known.
 *
 * @module
 */

/** The name among `known` that differs least from `name`, if it is close enough to be a slip. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const scored = known.map((candidate) => ({
    candidate,
    distance: editDistance(name.toLowerCase(), candidate.toLowerCase()),
  }));
  const best = scored.sort((left, right) => left.distance - right.distance)[0];
  return best !== undefined && best.distance <= Math.max(name.length < 4 ? 1 : 2, Math.floor(name.length / 3))
    ? best.candidate
    : undefined;
}

function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const replace = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
