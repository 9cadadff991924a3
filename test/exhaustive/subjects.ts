/**
 * What the bytes that are changed belong to, as plain data that threads can be handed, and how it is
 * judged with the changed bytes in place of the good ones.
 *
 * @module
 */
import { type AttestationResult, type HardwareOutcome, verify } from '@vitrine/verifier';
import { type EventLogInputs, verifyEventLog } from '../../packages/verifier/src/eventlog/verify-eventlog.ts';
import { type NitroInputs, verifyNitro } from '../../packages/verifier/src/nitro/verify-nitro.ts';
import { type SnpInputs, verifySnp } from '../../packages/verifier/src/snp/verify-snp.ts';
import { type TpmInputs, verifyTpm } from '../../packages/verifier/src/tpm/verify-tpm.ts';
import { bytesOf, type Case, evidenceFrom, optionsOf } from '../system/judge.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Simulated evidence that the public function takes, or real evidence, goes through it; the rest through its technology's. */
export type Subject =
  | { readonly kind: 'evidence'; readonly of: Case }
  /** The only endorsement file of a case. */
  | { readonly kind: 'collateral'; readonly of: Case }
  | { readonly kind: 'snp-report'; readonly inputs: SnpInputs }
  | {
      readonly kind: 'snp-certificate' | 'snp-list';
      readonly report: Bytes;
      readonly index: number;
      readonly inputs: SnpInputs;
    }
  | { readonly kind: 'nitro'; readonly inputs: NitroInputs }
  | { readonly kind: 'tpm'; readonly inputs: TpmInputs }
  | { readonly kind: 'event-log'; readonly inputs: EventLogInputs };

export interface Judgement {
  /** How good the verdict is; `undefined` where some check does not hold. */
  readonly rank: number | undefined;
  /** Everything that is said of the evidence, authenticated or not. */
  readonly claims: string;
  /** What hardware extended, of an event log: other events are a false statement, whatever else is shown. */
  readonly measured: string;
}

const ORDER = ['rejected', 'undetermined', 'simulated', 'verified'];

/**
 * Judges `bytes` in their place.
 *
 * @throws MalformedEvidenceError when they cannot be read.
 */
export async function judgeSubject(subject: Subject, bytes: Bytes): Promise<Judgement> {
  switch (subject.kind) {
    case 'evidence':
      return ofResult(await verify(evidenceFrom(bytes), optionsOf(subject.of)));
    case 'collateral': {
      const changed = { ...subject.of, endorsements: [Buffer.from(bytes).toString('hex')] };
      return ofResult(await verify(evidenceFrom(bytesOf(subject.of.evidence)), optionsOf(changed)));
    }
    case 'snp-report':
      return ofOutcome(await verifySnp(bytes, subject.inputs));
    case 'snp-certificate': {
      const { endorsements } = subject.inputs;
      const certificates = endorsements.certificates.with(subject.index, bytes);
      return ofOutcome(
        await verifySnp(subject.report, { ...subject.inputs, endorsements: { ...endorsements, certificates } }),
      );
    }
    case 'snp-list': {
      const { endorsements } = subject.inputs;
      const revocationLists = endorsements.revocationLists.with(subject.index, bytes);
      return ofOutcome(
        await verifySnp(subject.report, { ...subject.inputs, endorsements: { ...endorsements, revocationLists } }),
      );
    }
    case 'nitro':
      return ofOutcome(await verifyNitro(bytes, subject.inputs));
    case 'tpm':
      return ofOutcome(await verifyTpm(bytes, subject.inputs));
    case 'event-log':
      return ofLog(await verifyEventLog(bytes, subject.inputs));
  }
}

function ofResult({ verdict, decidedBy, claims, unverified }: AttestationResult): Judgement {
  // "Simulated" is also the verdict on evidence that only bears the simulator's marker.
  const rank = decidedBy === null ? ORDER.indexOf(verdict) : undefined;
  return { rank, claims: JSON.stringify([claims, unverified]), measured: '' };
}

function ofOutcome({ checks, claims, unverified }: HardwareOutcome): Judgement {
  return { rank: rankOf(checks), claims: JSON.stringify([claims, unverified]), measured: '' };
}

function ofLog({ checks, events }: Awaited<ReturnType<typeof verifyEventLog>>): Judgement {
  const measured = events.map(({ register, digest }) => [register, digest]);
  return { rank: rankOf(checks), claims: JSON.stringify(events), measured: JSON.stringify(measured) };
}

function rankOf(checks: HardwareOutcome['checks']): number | undefined {
  return checks.every(({ status }) => status === 'passed' || status === 'waived') ? 0 : undefined;
}
