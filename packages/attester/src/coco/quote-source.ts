/**
 * Evidence from the attestation agent of Confidential Containers, turned into what verifiers of the hardware read: a
 * TDX quote as it is, an SEV-SNP report as the bytes that the chip signed.
 *
 * The agent passes up to 64 bytes of run-time data on as report data, unhashed (guest-components,
 * `attestation-agent/attester/src/{tdx,snp}/mod.rs`); the evidence is checked to be over exactly what was asked.
 *
 * @module
 */
import { type Endorsements, type LaunchDocument, toBase64Url, UsageError, VitrineError } from '@vitrine/documents';
import { asObject, type JsonMembers, unexpected } from '../http-json.ts';
import type { QuoteSource } from '../quote-source.ts';
import { checkQuoted } from '../tsm/quoted-report-data.ts';
import { base64Member, byteList, type CocoGuest } from './guest.ts';
import { requireInitData } from './init-data.ts';
import { encodeSnpReport } from './snp-report.ts';

/** Room for a log beside everything else in a bundle. A longer one is left out; the agent cuts off what is unused. */
const MAX_EVENT_LOG_BYTES = 256 * 1024;
const CERTIFICATE_TYPES: readonly string[] = ['VCEK', 'VLEK', 'ASK', 'ARK'];

export interface CocoQuoteOptions {
  /** What the guest service says that it runs on (`/info`). */
  readonly tee: string;
  /** The TOML document that the pod was started with, byte for byte; absent where it was started with none. */
  readonly initData?: Uint8Array<ArrayBuffer>;
}

interface Collected {
  readonly quote: Uint8Array<ArrayBuffer>;
  readonly eventLog?: Uint8Array<ArrayBuffer>;
  readonly endorsements?: Endorsements;
}

const READERS: Readonly<Record<'tdx' | 'snp', (evidence: JsonMembers) => Collected>> = { tdx: readTdx, snp: readSnp };

/**
 * The event log and the endorsements are those of the newest quote; there are none before the first.
 *
 * @throws VitrineError `attester.unavailable` for a TEE whose evidence is not read here.
 */
export function cocoQuoteSource(guest: CocoGuest, { tee, initData }: CocoQuoteOptions): QuoteSource {
  if (tee !== 'tdx' && tee !== 'snp') {
    throw new VitrineError(
      'attester.unavailable',
      tee === 'sample'
        ? 'the attestation agent found no TEE here and would make sample evidence, which proves nothing; start the pod with a confidential runtime class'
        : `the attestation agent runs on ${JSON.stringify(tee)}; supported: ${Object.keys(READERS).join(', ')}`,
    );
  }
  let latest: Collected | undefined;
  return {
    technology: tee,
    quote: async (reportData) => {
      if (reportData.length !== 64) {
        throw new UsageError('attester.report-data', `report data has exactly 64 bytes, found ${reportData.length}`);
      }
      const collected = READERS[tee](await guest.evidence(reportData));
      checkQuoted(tee, collected.quote, reportData);
      if (initData !== undefined) await requireInitData(tee, collected.quote, initData);
      latest = collected;
      return collected.quote;
    },
    endorsements: async () => latest?.endorsements,
    eventLog: async () => latest?.eventLog,
    launch: async (): Promise<LaunchDocument | undefined> =>
      initData === undefined ? undefined : { kind: 'init-data', bytes: Uint8Array.from(initData) },
  };
}

function readTdx(evidence: JsonMembers): Collected {
  const quote = base64Member(evidence, 'quote', 'the TDX evidence');
  if (evidence['cc_eventlog'] === undefined || evidence['cc_eventlog'] === null) return { quote };
  const eventLog = base64Member(evidence, 'cc_eventlog', 'the TDX evidence');
  return eventLog.length > MAX_EVENT_LOG_BYTES ? { quote } : { quote, eventLog };
}

function readSnp(evidence: JsonMembers): Collected {
  const quote = encodeSnpReport(evidence['attestation_report']);
  const certificates = snpCertificates(evidence);
  if (certificates.length === 0) return { quote };
  return { quote, endorsements: { type: 'vitrine/endorsements/v1', certificates: certificates.map(toBase64Url) } };
}

/** What the host put into the certificate table, of the types that a verifier uses, where they are DER. */
export function snpCertificates(evidence: JsonMembers): readonly Uint8Array<ArrayBuffer>[] {
  const chain = evidence['cert_chain'];
  if (chain === undefined || chain === null) return [];
  if (!Array.isArray(chain)) throw unexpected('"cert_chain" of the SEV-SNP evidence is not a list');
  return chain
    .map((entry) => asObject(entry, 'an entry of "cert_chain"'))
    .filter((entry) => CERTIFICATE_TYPES.includes(String(entry['cert_type'])))
    .map((entry) => byteList(entry['data'], undefined, 'a certificate in "cert_chain"'))
    .filter((der) => der[0] === 0x30);
}
