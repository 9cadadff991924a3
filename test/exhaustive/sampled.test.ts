/**
 * A sample of what `npm run test:exhaustive` tries: for each positive, changes from its first byte to
 * its last, other bits of each, truncations and trailing bytes.
 *
 * @module
 */
import { describe, expect } from 'vitest';
import { promise } from '../promises.ts';
import { countChanges } from './changes.ts';
import { positives } from './positives.ts';
import { judgeRange } from './range.ts';
import { judgeSubject } from './subjects.ts';

const SAMPLES = 48;
const TIMEOUT_MS = 60_000;

const all = await positives();

describe('changes of accepted evidence', () => {
  for (const positive of all) {
    promise(
      'P7',
      `none of ${SAMPLES} in ${positive.name} is accepted with the same claims`,
      async () => {
        expect((await judgeSubject(positive.subject, positive.bytes)).rank).toBeDefined();
        const to = countChanges(positive.bytes.length, positive.step);
        // Odd, so that the bits of a byte take turns.
        const every = Math.max(1, Math.floor(to / SAMPLES) | 1);
        const { judged, findings } = await judgeRange({ positive, from: every >> 1, to, every });
        expect(findings).toEqual([]);
        expect(judged).toBeGreaterThan(SAMPLES / 2);
      },
      TIMEOUT_MS,
    );
  }
});
