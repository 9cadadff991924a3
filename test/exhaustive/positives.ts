/**
 * Evidence that is accepted, real and made for the purpose: what the exhaustive run changes bit by
 * bit. Real evidence takes part by itself.
 *
 * @module
 */
import { formatEvidenceBundle, parseEvidenceBundle } from '@vitrine/documents';
import { bundleCases } from '../system/bundle-cases.ts';
import { realCases } from '../system/cases.ts';
import { bytesOf, type Case } from '../system/judge.ts';
import { tdxCases } from '../system/tdx-cases.ts';
import { madeDocuments, madeLogs, madeQuotes, madeReports, madeTpmQuotes } from './made.ts';
import type { Positive } from './positive.ts';

const ACCEPTED = ['verified', 'simulated'];

/** Made evidence of each technology, and the real evidence that the table says is accepted. */
export async function positives(): Promise<readonly Positive[]> {
  const simulated = [
    ...tdxCases().filter(({ name }) => name === 'TDX: good'),
    ...(await bundleCases()).filter(({ name }) => name === 'bundle: good').map(withoutEndorsements),
  ];
  const real = realCases().filter(({ expected }) => ACCEPTED.includes(expected));
  return [
    ...[...simulated, ...real].map(ofCase),
    ...madeQuotes(),
    ...(await madeReports()),
    ...madeDocuments(),
    ...madeTpmQuotes(),
    ...madeLogs(),
  ];
}

function ofCase(one: Case): Positive {
  return {
    name: one.name,
    bytes: bytesOf(one.evidence),
    subject: { kind: 'evidence', of: one },
    padding: paddingOf(one),
    unmeasured: [],
  };
}

/** What a bundle carries of endorsements is no evidence: where it is bad, the good ones beside it serve. */
function withoutEndorsements(one: Case): Case {
  const { endorsements, ...rest } = parseEvidenceBundle(new TextDecoder().decode(bytesOf(one.evidence)));
  if (endorsements === undefined) throw new Error(`${one.name} was to carry endorsements`);
  return { ...one, evidence: Buffer.from(formatEvidenceBundle(rest)).toString('hex') };
}

function paddingOf({ evidence }: Case): readonly number[] {
  // Intel's quotes begin with their version as 16 bits. Vendors pad what they write to the size of a buffer.
  if (/^0[345]00/.test(evidence)) return [0x00];
  // Blanks behind a JSON text are no part of it.
  return evidence.startsWith('7b') ? [0x20, 0x0a, 0x0d, 0x09] : [];
}
