/**
 * Judges changes of one positive and reports what was accepted.
 *
 * @module
 */
import { MalformedEvidenceError } from '@vitrine/documents';
import { type Change, changeOf, sameButForPadding } from './changes.ts';
import type { Positive } from './positive.ts';
import { type Judgement, judgeSubject } from './subjects.ts';

export interface Range {
  readonly positive: Positive;
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  /** One change in so many; all of them unless given. */
  readonly every?: number;
}

export interface RangeReport {
  readonly judged: number;
  /** Changes of nothing but the padding behind the evidence. */
  readonly padding: number;
  /** Changes that are accepted and that the claims show. */
  readonly otherClaims: number;
  /** Changes that are accepted and show nowhere, by the ground why they may. */
  readonly unmeasured: Readonly<Record<string, number>>;
  /** Changes that are accepted with the same claims, or that the verifier cannot cope with. */
  readonly findings: readonly string[];
  readonly slowestMs: number;
  readonly slowest: string;
}

/** Judges the changes with these numbers; see `changes.ts`. */
export async function judgeRange({ positive, from, to, every = 1 }: Range): Promise<RangeReport> {
  const { bytes: good, subject, padding: fill, unmeasured: ranges, step } = positive;
  const reference = await judgeSubject(subject, good);
  const findings: string[] = [];
  const unmeasured: Record<string, number> = {};
  let [judged, padding, otherClaims, slowestMs, slowest] = [0, 0, 0, 0, ''];
  for (let number = from; number < to; number += every) {
    judged++;
    const change = changeOf(good, number, step);
    const name = `${change.kind} ${change.place}`;
    const started = performance.now();
    let result: Judgement | undefined;
    try {
      result = await judgeSubject(subject, change.bytes);
    } catch (error) {
      if (!(error instanceof MalformedEvidenceError)) findings.push(`${name}: threw ${String(error)}`);
    }
    const took = performance.now() - started;
    if (took > slowestMs) [slowestMs, slowest] = [took, name];
    if (result?.rank === undefined || result.rank < (reference.rank ?? 0)) continue;
    const ground = groundOf(change, ranges);
    if (sameButForPadding(good, change.bytes, fill)) padding++;
    else if (result.measured !== reference.measured) findings.push(`${name}: accepted with other events`);
    else if (result.claims !== reference.claims) otherClaims++;
    else if (ground === undefined) findings.push(`${name}: accepted with the same claims`);
    else unmeasured[ground] = (unmeasured[ground] ?? 0) + 1;
  }
  return { judged, padding, otherClaims, unmeasured, findings, slowestMs, slowest };
}

function groundOf({ kind, place }: Change, ranges: Positive['unmeasured']): string | undefined {
  if (kind !== 'bit') return undefined;
  return ranges.find(({ from, to }) => from <= place >> 3 && place >> 3 < to)?.ground;
}
