import type { AnchoredHead } from '@vitrine/attester';
import { UsageError } from '@vitrine/documents';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { judgeState, type StoredState } from './judge-state.ts';

const digestOf = (history: string, sequence: number): string =>
  Buffer.from(`${history}${sequence}`).toString('hex').padEnd(64, '0');
const headOf = (history: string, sequence: number): AnchoredHead => ({ sequence, digest: digestOf(history, sequence) });

/** A store at `sequence` of a history that is `fork` from the commit `since` on. */
function stateAt(sequence: number, more: { since?: number; isFirst?: boolean } = {}): StoredState {
  const at = (place: number): AnchoredHead =>
    headOf(place >= (more.since ?? Number.POSITIVE_INFINITY) ? 'b' : 'a', place);
  return {
    head: at(sequence),
    ...(sequence === 0 ? {} : { previous: at(sequence - 1) }),
    isFirst: more.isFirst === true,
  };
}

function outcome(state: StoredState, anchored: AnchoredHead | undefined): string {
  try {
    return judgeState(state, anchored);
  } catch (error) {
    return error instanceof UsageError ? error.code : String(error);
  }
}

describe('a state', () => {
  test.each<[string, StoredState, AnchoredHead | undefined, string]>([
    ['is new with a new anchor', stateAt(0, { isFirst: true }), undefined, 'first'],
    ['is what the anchor remembers', stateAt(5), headOf('a', 5), 'same'],
    ['is one commit ahead, after a crash', stateAt(6), headOf('a', 5), 'ahead'],
    ['is the first commit ahead', stateAt(1), headOf('a', 0), 'ahead'],
    ['is older', stateAt(4), headOf('a', 5), 'keys.state-older'],
    ['is far older', stateAt(0), headOf('a', 500), 'keys.state-older'],
    ['is older, with a root that is new', stateAt(0, { isFirst: true }), headOf('a', 1), 'keys.state-older'],
    ['went another way', stateAt(5, { since: 5 }), headOf('a', 5), 'keys.state-forked'],
    ['went another way, and one further', stateAt(6, { since: 5 }), headOf('a', 5), 'keys.state-forked'],
    ['is two commits ahead', stateAt(7), headOf('a', 5), 'keys.anchor-older'],
    ['is without an anchor, and has commits', stateAt(5), undefined, 'keys.anchor-empty'],
    ['is without an anchor, and was not made by this start', stateAt(0), undefined, 'keys.anchor-empty'],
    ['is new, and has commits', stateAt(1, { isFirst: true }), undefined, 'keys.anchor-empty'],
    ['is what a counter says', stateAt(5), { sequence: 5, digest: '' }, 'same'],
    ['is one ahead of a counter', stateAt(6), { sequence: 5, digest: '' }, 'ahead'],
    ['is behind a counter', stateAt(4), { sequence: 5, digest: '' }, 'keys.state-older'],
    ['is two ahead of a counter', stateAt(7), { sequence: 5, digest: '' }, 'keys.anchor-older'],
  ])('%s', (_name, state, anchored, expected) => {
    expect(outcome(state, anchored)).toBe(expected);
  });

  test('names both places, and what to do', () => {
    expect(() => judgeState(stateAt(4), headOf('a', 9))).toThrow(/at commit 4, .* at 9: .* newest copy/);
    // Only what nobody can have used may be removed.
    expect(() => judgeState(stateAt(0), undefined)).toThrow(/remove the state's directory/);
    expect(() => judgeState(stateAt(5), undefined)).not.toThrow(/remove/);
    expect(() => judgeState(stateAt(0), headOf('a', 9))).toThrow(/empty .* at 9: .* store\.sqlite/);
  });
});

promise('P1', 'a state opens exactly where it is the anchored commit, or the one commit that follows it', () => {
  const place = fc.nat(6);
  fc.assert(
    fc.property(
      place,
      fc.option(place, { nil: undefined }),
      fc.nat(8),
      fc.boolean(),
      fc.boolean(),
      (sequence, anchored, since, isFirst, counts) => {
        const state = stateAt(sequence, { since, isFirst });
        const real = anchored === undefined ? undefined : headOf('a', anchored);
        const remembered = real && counts ? { ...real, digest: '' } : real;
        const said = outcome(state, remembered);
        const opens = said === 'first' || said === 'same' || said === 'ahead';
        // By its definition: nothing was ever anchored, or the anchored commit is its last or the one before it.
        const chain = [state.head, ...(state.previous === undefined ? [] : [state.previous])];
        const found =
          remembered !== undefined &&
          chain.some((head) => head.sequence === remembered.sequence && (counts || head.digest === remembered.digest));
        expect(opens).toBe(remembered === undefined ? isFirst && sequence === 0 : found);
        expect(said.startsWith('keys.')).toBe(!opens);
      },
    ),
    { numRuns: 2000 },
  );
});
