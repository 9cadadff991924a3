/**
 * What the system tests, the exhaustive run and the benchmark in a browser judge: evidence with all
 * that goes with it, as plain JSON, so that any runtime can read it and every one reads the same.
 *
 * @module
 */
import { missingVectors, readTextVector, readVector } from '../vectors.ts';
import type { Case } from './judge.ts';

/** A case from bytes, under the policy for hardware alone unless another is named. */
export function caseOf(name: string, evidence: Uint8Array, rest: Partial<Case> & Pick<Case, 'at'>): Case {
  return { name, evidence: hexOf(evidence), endorsements: [], preset: 'hardware-only', ...rest };
}

/** An endorsement file that holds `document` as JSON. */
export function fileOf(document: object): string {
  return hexOf(new TextEncoder().encode(JSON.stringify(document)));
}

/** A row of the table that comes with the real evidence. */
interface Row {
  readonly file: string;
  readonly endorsements: readonly string[];
  readonly at: string;
  readonly preset: Case['preset'];
  readonly verdict: string;
}

export interface RealCase extends Case {
  /** The verdict that the table gives. */
  readonly expected: string;
}

/** Each row of the table; none where the real evidence is not there. */
export function realCases(): readonly RealCase[] {
  if (missingVectors !== false) return [];
  return (JSON.parse(readTextVector('EXPECTED.json')) as readonly Row[]).map((row) => ({
    ...caseOf([row.file, ...row.endorsements].join(' + '), readVector(row.file), {
      endorsements: row.endorsements.map((file) => hexOf(readVector(file))),
      preset: row.preset,
      at: row.at,
    }),
    expected: row.verdict,
  }));
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
