/**
 * Rounds that end by a clock: on a busy machine there are fewer of them, and the bench still ends.
 *
 * @module
 */

const FEWEST = 3;

export interface Rounds {
  /** Before the ones that count. */
  readonly warmUp: number;
  readonly most: number;
  /** Milliseconds after which, with the fewest rounds done, no further one begins. */
  readonly budget: number;
}

/** @param round - Is told whether it counts. */
export async function inRounds(
  { warmUp, most, budget }: Rounds,
  round: (counts: boolean) => Promise<void>,
): Promise<void> {
  const start = performance.now();
  for (let number = -warmUp; number < most; number++) {
    if (number >= FEWEST && performance.now() - start > budget) return;
    await round(number >= 0);
  }
}
