/**
 * Three negatives and more for each piece of real evidence that is accepted: the same evidence with one
 * thing wrong. What is wrong in many more ways is in the tests of each technology.
 *
 * @module
 */
import { describe, expect, test } from 'vitest';
import { promise } from './promises.ts';
import { type RealCase, realCases } from './system/cases.ts';
import { bytesOf, type Case, judge, optionsOf } from './system/judge.ts';
import { missingVectors } from './vectors.ts';

const ACCEPTED = ['verified', 'simulated'];
const DAY_MS = 86_400_000;
/** Longer than any certificate or collateral of evidence is good; authorities are good for decades. */
const CENTURY_DAYS = 36_500;

const rows = realCases();
const positives = rows.filter(({ expected }) => ACCEPTED.includes(expected));

function familyOf({ name }: Case): string {
  return name.split('/')[0] ?? '';
}

function later(at: string, days: number): string {
  return new Date(Date.parse(at) + days * DAY_MS).toISOString();
}

/** Changes one byte, a part of the way into the evidence. */
function changed(hex: string, part: number): string {
  const bytes = bytesOf(hex);
  const index = Math.floor(bytes.length * part);
  return Buffer.from(bytes.with(index, (bytes[index] ?? 0) ^ 1)).toString('hex');
}

/** The same with one thing wrong. */
function negativesOf(good: RealCase): Readonly<Record<string, Case>> {
  return {
    'a changed byte near its beginning': { ...good, evidence: changed(good.evidence, 0.06) },
    'a changed byte further on': { ...good, evidence: changed(good.evidence, 0.4) },
    'its second half missing': { ...good, evidence: good.evidence.slice(0, 2 * Math.floor(good.evidence.length / 4)) },
    'a century passed': { ...good, at: later(good.at, CENTURY_DAYS) },
    'a time before it was made': { ...good, at: later(good.at, -CENTURY_DAYS / 4) },
    'a policy that accepts only listed machines': { ...good, preset: 'strict' },
  };
}

describe('real evidence that is accepted', () => {
  for (const good of positives) {
    for (const [what, bad] of Object.entries(negativesOf(good))) {
      promise('P7', `is not accepted with ${what}: ${good.name}`, async () => {
        const { verdict, decidedBy } = await judge(bytesOf(bad.evidence), optionsOf(bad));
        expect(decidedBy).not.toBeNull();
        expect(['rejected', 'undetermined']).toContain(verdict);
      });
    }
  }

  test.skipIf(missingVectors !== false)('has three negatives for each positive, in each family', () => {
    const counts = Object.fromEntries(
      [...new Set(rows.map(familyOf))].map((family) => {
        const of = (some: readonly RealCase[]): readonly RealCase[] => some.filter((one) => familyOf(one) === family);
        const derived = of(positives).reduce((sum, good) => sum + Object.keys(negativesOf(good)).length, 0);
        return [
          family,
          { positives: of(positives).length, negatives: of(rows).length - of(positives).length + derived },
        ];
      }),
    );
    process.stdout.write(`real evidence: ${JSON.stringify(counts)}\n`);
    for (const { positives: accepted, negatives } of Object.values(counts)) {
      expect(negatives).toBeGreaterThanOrEqual(3 * accepted);
    }
  });
});
