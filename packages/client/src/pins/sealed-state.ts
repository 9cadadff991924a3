/**
 * How far the keys and data of a server have got, as its evidence says it: every client remembers the furthest
 * that it saw, and is so a witness against an operator who puts back an older copy.
 *
 * @module
 */
import { RefusedError } from '../errors.ts';

/** Commits so far, and a digest over all of them. */
export interface SealedState {
  readonly sequence: number;
  /** 64 lower-case hexadecimal digits. */
  readonly digest: string;
}

/** The check that refuses. */
const CHECK = 'pin.state-older';

/** The further of two; the first where they are as far. */
export function furtherState(one: SealedState | undefined, other: SealedState | undefined): SealedState | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return other.sequence > one.sequence ? other : one;
}

/**
 * Refuses what is behind `seen`, or as far and another.
 *
 * @param seen - Known before the server was asked. What others see meanwhile may be further without anything wrong.
 * @param hint - Ends the message: what to do where it is right all the same.
 * @throws RefusedError (check `pin.state-older`).
 */
export function requireNotBehind(seen: SealedState | undefined, found: SealedState | undefined, hint = ''): void {
  const difference = stateDifference(seen, found);
  if (difference === undefined || seen === undefined) return;
  const details = [difference];
  if (found === undefined) {
    const message = `the server does not say any more how far its keys and data have got; you have seen step ${seen.sequence}${hint}`;
    throw new RefusedError(CHECK, message, { details });
  }
  const where =
    found.sequence === seen.sequence
      ? `are at step ${found.sequence} as you have seen it, and not the same`
      : `are at step ${found.sequence}, and you have seen step ${seen.sequence}`;
  throw new RefusedError(
    CHECK,
    `the server's keys and data ${where}: the operator put back an older copy of them, or another copy answers${hint}`,
    { details },
  );
}

/** How what is found is behind what was seen, or not the same, in one line; nothing where all is well. */
export function stateDifference(seen: SealedState | undefined, found: SealedState | undefined): string | undefined {
  if (seen === undefined || (found !== undefined && found.sequence > seen.sequence)) return undefined;
  if (found?.sequence === seen.sequence && found.digest === seen.digest) return undefined;
  return `keys and data: seen at ${stateText(seen)}, now ${found === undefined ? 'not stated' : `at ${stateText(found)}`}`;
}

/** For people: `step 9 (ab12…)`. */
export function stateText({ sequence, digest }: SealedState): string {
  return `step ${sequence} (${digest.slice(0, 16)}…)`;
}
