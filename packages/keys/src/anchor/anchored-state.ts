/**
 * The sealed store under an anchor: a commit is durable, then the anchor moves, then what waits for it goes on.
 *
 * There is at most one commit that the anchor does not cover. What comes while the anchor is asked waits, and all of it
 * is the next commit; so a step of the anchor is a commit of the store, whatever the load, and a store that was cut
 * off is one step ahead and no further.
 *
 * Each opening is a commit of its own. It fences whoever else has the state open, and it makes that two copies cannot
 * both be at a step that only one of them has taken, where the anchor only counts.
 *
 * @module
 */
import type { AnchoredHead, FreshnessAnchor } from '@vitrine/attester';
import { VitrineError } from '@vitrine/documents';
import type { SealedStore } from '@vitrine/storage';
import { isSame, judgeState, type Standing } from './judge-state.ts';
import type { LastingState } from './lasting-state.ts';
import { anchorUnavailable, movedElsewhere, type StateError } from './state-error.ts';

export interface AnchoredStateOptions {
  readonly store: SealedStore;
  readonly anchor: FreshnessAnchor;
  /** Whether this start made the application root. */
  readonly isFirst: boolean;
  /** Writes what is to be in every commit; it has to change something. Called first when the anchor has been read. */
  readonly beside: () => void;
}

interface Job {
  /** Whether the anchor is to be asked, also where nothing changes. */
  readonly asks: boolean;
  /** Runs in the commit. */
  work(): void;
  /** Called when the anchor covers the commit. */
  done(): void;
  failed(error: unknown): void;
}

/** Of one commit: those who wait after them have the next. */
const MOST_AT_ONCE = 256;

/**
 * Compares the store with its anchor, and takes it over.
 *
 * @throws UsageError as {@link judgeState}; StateError where the anchor cannot be asked or is moved meanwhile;
 *   StorageError.
 */
export async function openAnchoredState({
  store,
  anchor,
  isFirst,
  beside,
}: AnchoredStateOptions): Promise<LastingState> {
  const standing = await standingOf({ store, anchor, isFirst });
  const first = standing === 'ahead' ? store.previousHead() : standing === 'same' ? store.head() : undefined;
  const lasting = follow({ store, anchor, beside, covered: first });
  // Rolls the anchor forward, where the store is ahead of it, before anything else is written.
  await lasting.commit(() => undefined);
  await lasting.commit(beside);
  return lasting;
}

/** Where the store stands by its anchor; moves nothing. @throws UsageError as {@link judgeState}. */
export async function standingOf({
  store,
  anchor,
  isFirst,
}: Pick<AnchoredStateOptions, 'store' | 'anchor' | 'isFirst'>): Promise<Standing> {
  const remembered = await anchor.read();
  const previous = store.previousHead();
  return judgeState({ head: store.head(), isFirst, ...(previous === undefined ? {} : { previous }) }, remembered);
}

interface Following extends Pick<AnchoredStateOptions, 'store' | 'anchor' | 'beside'> {
  /** What the anchor is at; `undefined` for one that was never set. */
  readonly covered: AnchoredHead | undefined;
}

function follow({ store, anchor, beside, ...given }: Following): LastingState {
  let { covered } = given;
  let outdated: StateError | undefined;
  let running: Promise<void> | undefined;
  const waiting: Job[] = [];
  const known = Promise.withResolvers<Error>();

  const isCovered = (): boolean => covered !== undefined && isSame(store.head(), covered);
  const demandNewest = (): void => {
    if (outdated !== undefined) throw outdated;
  };
  const fence = (cause?: unknown): StateError => {
    if (outdated === undefined) {
      outdated = movedElsewhere(cause);
      known.resolve(outdated);
    }
    return outdated;
  };
  /** Moves the anchor to the store's head, or finds it there. */
  const cover = async (isKnown: boolean): Promise<void> => {
    const head = store.head();
    if (!isKnown && (await find(head))) return;
    try {
      await anchor.advance(covered, head);
      covered = head;
    } catch (error) {
      // Where it only counts, being at the next step does not say by whom.
      if (isConflict(error) && !anchor.remembersDigests) throw fence(error);
      // An answer that was lost, or one to a question that was asked twice: where it is now decides.
      if (!(await find(head))) throw isConflict(error) ? fence(error) : anchorUnavailable(error);
    }
  };
  /** Whether the anchor is at `head`; it may be there or where it was, and nowhere else. */
  const find = async (head: AnchoredHead): Promise<boolean> => {
    let found: AnchoredHead | undefined;
    try {
      found = await anchor.read();
    } catch (error) {
      throw anchorUnavailable(error);
    }
    if (found !== undefined && isSame(head, found)) {
      covered = head;
      return true;
    }
    if (found === undefined ? covered !== undefined : covered === undefined || !isSame(covered, found)) throw fence();
    return false;
  };
  const commitAll = async (jobs: readonly Job[]): Promise<void> => {
    const failures = new Map<Job, unknown>();
    try {
      demandNewest();
      // Whatever was left by a call that failed comes first.
      if (!isCovered()) await cover(false);
      store.together((hasChanged) => {
        for (const job of jobs) {
          try {
            job.work();
          } catch (error) {
            failures.set(job, error);
          }
        }
        if (hasChanged()) beside();
      });
      if (!isCovered()) await cover(true);
      else if (jobs.some(({ asks }) => asks)) await find(store.head());
    } catch (error) {
      for (const job of jobs) job.failed(failures.get(job) ?? error);
      return;
    }
    for (const job of jobs) {
      if (failures.has(job)) job.failed(failures.get(job));
      else job.done();
    }
  };
  const run = async (): Promise<void> => {
    while (waiting.length > 0) await commitAll(waiting.splice(0, MOST_AT_ONCE));
    running = undefined;
  };
  const commit = <T>(work: () => T, asks = false): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      let finish: () => void = () => reject(new TypeError('a commit was acknowledged that was not made'));
      waiting.push({
        asks,
        work: () => {
          const value = work();
          finish = () => resolve(value);
        },
        done: () => finish(),
        failed: reject,
      });
      // Everything that is asked for in one go is one commit.
      running ??= Promise.resolve().then(run);
    });

  return {
    commit: (work) => commit(work),
    confirm: () => commit(() => undefined, true),
    read: async (work) => {
      demandNewest();
      const value = work();
      if (!isCovered()) await commit(() => undefined);
      return value;
    },
    head: () => {
      demandNewest();
      if (covered === undefined) throw anchorUnavailable();
      return covered;
    },
    demandNewest,
    outdated: known.promise,
    close: async () => {
      if (outdated === undefined) await commit(beside).catch(() => undefined);
      await running?.catch(() => undefined);
      await anchor.close().catch(() => undefined);
    },
  };
}

function isConflict(error: unknown): boolean {
  return error instanceof VitrineError && error.code === 'anchor.conflict';
}
