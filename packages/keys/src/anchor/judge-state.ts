/**
 * Whether a sealed store is the newest there is, by what its anchor remembers.
 *
 * A store is one commit ahead of its anchor exactly where the service was ended between the two, and then nothing of
 * that commit had left: the next one is not begun before the anchor has moved. Everything else is an older copy, one
 * that went another way, or an anchor that somebody has put back.
 *
 * @module
 */
import type { AnchoredHead } from '@vitrine/attester';
import { UsageError } from '@vitrine/documents';

export interface StoredState {
  readonly head: AnchoredHead;
  /** The head before its last commit; absent for a store without commits. */
  readonly previous?: AnchoredHead;
  /** Whether this very start made the application root, so that there can be nothing older. */
  readonly isFirst: boolean;
}

/** `first`: the anchor is yet to be set. `ahead`: the anchor is yet to follow the last commit. */
export type Standing = 'first' | 'same' | 'ahead';

/**
 * @param anchored - What the anchor remembers; of one that only counts, `digest` is the empty string.
 * @throws UsageError `keys.state-older`, `keys.state-forked`, `keys.anchor-empty`, `keys.anchor-older`.
 */
export function judgeState({ head, previous, isFirst }: StoredState, anchored: AnchoredHead | undefined): Standing {
  if (anchored === undefined) {
    if (isFirst && head.sequence === 0) return 'first';
    // The first start goes no further than that before the anchor has begun; a later state is never to be removed.
    const advice =
      head.sequence === 0
        ? ". If the very first start was interrupted, and nothing was ever made with the keys, remove the state's directory and start with --genesis again"
        : '';
    throw new UsageError(
      'keys.anchor-empty',
      `the freshness anchor remembers nothing, and the state is at commit ${head.sequence}: an anchor is begun together with its state. Name the anchor that it was begun with, or none where it was begun without${advice}`,
    );
  }
  if (head.sequence === 0 && anchored.sequence > 0) {
    throw new UsageError(
      'keys.state-older',
      `the state is empty (commit 0), and its freshness anchor is at ${anchored.sequence}: the root of keys is here without its state. Bring the newest store.sqlite here before the start, also where the root is handed over; one copy at a time goes on`,
    );
  }
  if (head.sequence < anchored.sequence) {
    throw new UsageError(
      'keys.state-older',
      `the state is at commit ${head.sequence}, and its freshness anchor at ${anchored.sequence}: this is an older copy. Start it with the newest copy of the directory; there is no way to go on from an older one`,
    );
  }
  if (head.sequence === anchored.sequence) {
    if (isSame(head, anchored)) return 'same';
    throw forked(head, anchored);
  }
  if (head.sequence === anchored.sequence + 1 && previous !== undefined) {
    if (isSame(previous, anchored)) return 'ahead';
    throw forked(head, anchored);
  }
  throw new UsageError(
    'keys.anchor-older',
    `the state is at commit ${head.sequence}, and its freshness anchor at ${anchored.sequence}, which a crash does not explain: the anchor was put back, is another one, or the state was written without it`,
  );
}

/** Whether `head` is what the anchor remembers, as far as it remembers it. */
export function isSame(head: AnchoredHead, anchored: AnchoredHead): boolean {
  return head.sequence === anchored.sequence && (anchored.digest === '' || head.digest === anchored.digest);
}

function forked(head: AnchoredHead, anchored: AnchoredHead): UsageError {
  return new UsageError(
    'keys.state-forked',
    `the state is at commit ${head.sequence} (${head.digest.slice(0, 16)}…), and its freshness anchor at ${anchored.sequence} of another history (${anchored.digest.slice(0, 16)}…): another copy of the state was used in the meantime. Start it with that one`,
  );
}
