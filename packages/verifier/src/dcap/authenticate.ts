/**
 * Authentication of a DCAP quote: from a trust anchor through the PCK certificate and the quoting
 * enclave's report to the attestation key, and from that to the body.
 *
 * This is the second of the verifier's three steps, common to TDX and SGX; the technologies mark
 * their claims as authenticated when every step passed. Whether the firmware behind the keys is
 * good enough is not decided here: see `appraise-tcb.ts`.
 *
 * @module
 */
import { concatBytes, sameBytes, toHex } from '@vitrine/documents/evidence';
import { sha256, verifyEcdsaP256 } from '#crypto';
import { verifyEndorsedSignature } from '../platform/endorsed-signature.ts';
import { type Attempt, attempt, refuse } from '../refusal.ts';
import type { Check } from '../result.ts';
import { type Chain, rootOf } from '../x509/chain.ts';
import { SIMULATOR_MARKER, type TrustAnchor } from './anchors.ts';
import type { EnclaveReport } from './enclave-report.ts';
import { sentence } from './findings.ts';
import type { PckClaims } from './pck.ts';
import { authenticatePlatform } from './platform.ts';
import type { DcapQuote } from './quote.ts';

/** The names of a technology in ids of checks and in endorsements. */
export type DcapTechnology = 'tdx' | 'sgx';

/** What stands behind the body of an authenticated quote. */
export interface DcapClaims {
  /** The quoting enclave, whose identity is still to be appraised. */
  readonly qeReport: EnclaveReport;
  readonly pck: PckClaims;
  /** PCK leaf, intermediate, root. */
  readonly pckChain: Chain;
  readonly anchor: TrustAnchor;
}

export interface DcapAuthentication {
  /** Always those of {@link authenticationChecks}, in this order. */
  readonly checks: readonly Check[];
  /** Only when every check passed. */
  readonly claims?: DcapClaims;
  /** The root of a certificate chain that is good, whatever follows from it. */
  readonly anchor?: TrustAnchor;
  /** The chain is good except for its root, which is no anchor and says itself that it is a simulator's. */
  readonly simulatorMarker: boolean;
}

const STEPS = ['pck-chain', 'qe-signature', 'qe-binding', 'signature'] as const;

/** Ids of the checks of {@link authenticateQuote}. */
export function authenticationChecks(technology: DcapTechnology): readonly string[] {
  return STEPS.map((step) => `${technology}.${step}`);
}

/** Follows the signatures of `quote` to one of `anchors`. */
export async function authenticateQuote(
  technology: DcapTechnology,
  quote: DcapQuote,
  anchors: readonly TrustAnchor[],
  now: Date,
): Promise<DcapAuthentication> {
  const platform = await attempt(() => authenticatePlatform(quote.pckChainPem, anchors, now));
  const anchoring = await attempt(() => {
    if (!platform.ok) throw platform.refusal;
    return findAnchor(platform.value.chain, anchors);
  });
  if (!platform.ok || !anchoring.ok) {
    const refusal = platform.ok ? anchoring : platform;
    const simulatorMarker = platform.ok && bearsMarker(platform.value.chain);
    return { checks: report(technology, [refusal], undefined), simulatorMarker };
  }
  const anchor = anchoring.value;
  const { chain, pck } = platform.value;
  const results: Attempt<unknown>[] = [anchoring];
  for (const step of [
    () => authenticateQuotingEnclave(quote, chain),
    () => bindAttestationKey(quote),
    () => authenticateBody(quote),
  ]) {
    const result = await attempt(step);
    results.push(result);
    if (!result.ok) return { checks: report(technology, results, anchor), anchor, simulatorMarker: false };
  }
  return {
    checks: report(technology, results, anchor),
    claims: { qeReport: quote.qeReport, pck, pckChain: chain, anchor },
    anchor,
    simulatorMarker: false,
  };
}

async function findAnchor(chain: Chain, anchors: readonly TrustAnchor[]): Promise<TrustAnchor> {
  const root = rootOf(chain);
  const anchor = anchors.find(({ publicKey }) => sameBytes(publicKey, root.publicKey));
  if (anchor !== undefined) return anchor;
  return refuse('PCK certificate chain ends in a root that is not trusted here', {
    expected: anchors.map(({ name }) => name).join(' or '),
    actual: `${root.subject.text} (SHA-256 ${toHex(await sha256(root.der))})`,
  });
}

function bearsMarker(chain: Chain): boolean {
  return rootOf(chain).subject.commonName.startsWith(SIMULATOR_MARKER);
}

/** A quoting enclave shows one report for all quotes by one attestation key, so it counts as one more certificate. */
async function authenticateQuotingEnclave(quote: DcapQuote, [leaf]: Chain): Promise<void> {
  if (await verifyEndorsedSignature(leaf.publicKey, quote.qeReport.bytes, quote.qeReportSignature)) return;
  refuse("the quoting enclave's report is not signed by the PCK certificate");
}

/**
 * Report data of the quoting enclave = SHA-256(attestation key ‖ authentication data) ‖ 32 zero
 * bytes. The second half counts too: nothing else may be bound by it.
 */
async function bindAttestationKey(quote: DcapQuote): Promise<void> {
  const expected = new Uint8Array(64);
  expected.set(await sha256(concatBytes(quote.attestationKey, quote.qeAuthData)));
  const actual = quote.qeReport.reportData;
  if (sameBytes(expected, actual)) return;
  refuse('the quoting enclave does not vouch for the attestation key', {
    expected: toHex(expected),
    actual: toHex(actual),
  });
}

async function authenticateBody(quote: DcapQuote): Promise<void> {
  if (await verifyEcdsaP256(quote.attestationKey, quote.signed, quote.signature)) return;
  refuse('the quote is not signed by its attestation key');
}

const PASSED: Readonly<Record<(typeof STEPS)[number], string>> = {
  'pck-chain': "The platform's certificate chain is valid and ends in an accepted root.",
  'qe-signature': "The quoting enclave's report is signed by the platform's certificate.",
  'qe-binding': 'The quoting enclave vouches for the attestation key.',
  signature: 'The quote is signed by the attestation key.',
};

/** One check per step; what comes after a failed step was not evaluated. */
function report(
  technology: DcapTechnology,
  results: readonly Attempt<unknown>[],
  anchor: TrustAnchor | undefined,
): readonly Check[] {
  const rooted = anchor === undefined ? {} : { anchor: anchor.name };
  const reason = anchor === undefined ? 'the certificate chain is not trusted' : 'an earlier signature is not good';
  return STEPS.map((step, index): Check => {
    const id = `${technology}.${step}`;
    const result = results[index];
    if (result === undefined) return { id, status: 'unavailable', message: `Not evaluated: ${reason}.` };
    if (result.ok) return { id, status: 'passed', ...rooted, message: PASSED[step] };
    return { id, status: 'failed', ...result.refusal.difference, ...rooted, message: sentence(result.refusal.message) };
  });
}
