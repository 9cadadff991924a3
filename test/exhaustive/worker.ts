/**
 * Judges a range of changes of one positive, in a thread of its own, and reports what was accepted.
 *
 * @module
 */
import { parentPort } from 'node:worker_threads';
import { MalformedEvidenceError } from '@vitrine/documents';
import { type AttestationResult, verify } from '@vitrine/verifier';
import { bytesOf, evidenceFrom, optionsOf } from '../system/judge.ts';
import { changeOf, sameButForPadding } from './changes.ts';
import type { Positive } from './positives.ts';

export interface Range {
  readonly positive: Positive;
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

export interface RangeReport {
  readonly judged: number;
  /** Changes of nothing but the padding behind the evidence. */
  readonly padding: number;
  /** Changes that are accepted and that the claims show. */
  readonly otherClaims: number;
  /** Changes that are accepted with the same claims, or that the verifier cannot cope with. */
  readonly findings: readonly string[];
  readonly slowestMs: number;
  readonly slowest: string;
}

const ORDER = ['rejected', 'undetermined', 'simulated', 'verified'];

/** Everything that a result says of the evidence, authenticated or not. */
function said({ claims, unverified }: AttestationResult): string {
  return JSON.stringify([claims, unverified]);
}

async function judgeRange({ positive, from, to }: Range): Promise<RangeReport> {
  const good = bytesOf(positive.evidence);
  const options = optionsOf(positive);
  const reference = await verify(evidenceFrom(good), options);
  const claims = said(reference);
  const findings: string[] = [];
  let [padding, otherClaims, slowestMs, slowest] = [0, 0, 0, ''];
  for (let number = from; number < to; number++) {
    const { kind, place, bytes } = changeOf(good, number);
    const name = `${kind} ${place}`;
    const started = performance.now();
    let result: AttestationResult | undefined;
    try {
      result = await verify(evidenceFrom(bytes), options);
    } catch (error) {
      if (!(error instanceof MalformedEvidenceError)) findings.push(`${name}: threw ${String(error)}`);
    }
    const took = performance.now() - started;
    if (took > slowestMs) [slowestMs, slowest] = [took, name];
    if (result === undefined || ORDER.indexOf(result.verdict) < ORDER.indexOf(reference.verdict)) continue;
    // "Simulated" is also the verdict on evidence that only bears the simulator's marker.
    if (result.decidedBy !== reference.decidedBy) continue;
    if (sameButForPadding(good, bytes, positive.padding)) padding++;
    else if (said(result) === claims) findings.push(`${name}: ${result.verdict} with the same claims`);
    else otherClaims++;
  }
  return { judged: to - from, padding, otherClaims, findings, slowestMs, slowest };
}

parentPort?.on('message', (range: Range) => {
  judgeRange(range).then(
    (report) => parentPort?.postMessage(report),
    (error: unknown) => {
      // Out of the promise, so that it reaches the main thread as the worker's error.
      setImmediate(() => {
        throw error;
      });
    },
  );
});
