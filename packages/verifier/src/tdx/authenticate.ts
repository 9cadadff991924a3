/**
 * Authentication of a TDX quote: from a trust anchor through the PCK certificate and the quoting
 * enclave's report to the attestation key, and from that to the TD report.
 *
 * This is the second of the verifier's three steps. It is the only place that makes
 * `Authenticated<TdxClaims>`. Whether the firmware behind the keys is good enough is not decided
 * here: see `appraise.ts`.
 *
 * @module
 */
import { concatBytes, sameBytes, toHex } from '@vitrine/documents';
import { sha256, verifyEcdsaP256 } from '#crypto';
import type { Authenticated } from '../authenticated.ts';
import type { EnclaveReport } from '../dcap/enclave-report.ts';
import { type PckClaims, parsePckClaims } from '../dcap/pck.ts';
import { type Attempt, attempt, refuse } from '../refusal.ts';
import type { Check } from '../result.ts';
import { authenticateChain, type Chain, parseChain, rootOf } from '../x509/chain.ts';
import { QUOTE_ENDINGS } from '../x509/pem.ts';
import { SIMULATOR_MARKER, type TrustAnchor } from './anchors.ts';
import type { TdReport, TdxQuote } from './parse.ts';

/** What an authenticated quote says. */
export interface TdxClaims {
  readonly report: TdReport;
  /** The quoting enclave, whose identity is still to be appraised. */
  readonly qeReport: EnclaveReport;
  readonly pck: PckClaims;
  /** PCK leaf, intermediate, root. */
  readonly pckChain: Chain;
  readonly anchor: TrustAnchor;
}

export interface TdxAuthentication {
  /** Always {@link AUTHENTICATION_CHECKS}, in this order. */
  readonly checks: readonly Check[];
  /** Only when every check passed. */
  readonly claims?: Authenticated<TdxClaims>;
  /** The root of a certificate chain that is good, whatever follows from it. */
  readonly anchor?: TrustAnchor;
  /** The chain is good except for its root, which is no anchor and says itself that it is a simulator's. */
  readonly simulatorMarker: boolean;
}

export const AUTHENTICATION_CHECKS = ['tdx.pck-chain', 'tdx.qe-signature', 'tdx.qe-binding', 'tdx.signature'] as const;

const PCK_CHAIN = 'PCK certificate chain';
const PCK_LEAF = 'Intel SGX PCK Certificate';
export const PCK_AUTHORITIES: ReadonlyMap<string, 'platform' | 'processor'> = new Map([
  ['Intel SGX PCK Platform CA', 'platform'],
  ['Intel SGX PCK Processor CA', 'processor'],
]);

/** Follows the signatures of `quote` to one of `anchors`. */
export async function authenticateTdx(
  quote: TdxQuote,
  anchors: readonly TrustAnchor[],
  now: Date,
): Promise<TdxAuthentication> {
  const { envelope } = quote;
  const platform = await attempt(() => authenticatePlatform(envelope.pckChainPem, now));
  const anchoring = await attempt(async () => {
    if (!platform.ok) throw platform.refusal;
    return findAnchor(platform.value.chain, anchors);
  });
  if (!platform.ok || !anchoring.ok) {
    const refusal = platform.ok ? anchoring : platform;
    return { checks: report([refusal], undefined), simulatorMarker: platform.ok && bearsMarker(platform.value.chain) };
  }
  const anchor = anchoring.value;
  const { chain, pck } = platform.value;
  const steps: Attempt<unknown>[] = [anchoring];
  for (const step of [
    () => authenticateQuotingEnclave(quote, chain),
    () => bindAttestationKey(quote),
    () => authenticateReport(quote),
  ]) {
    const result = await attempt(step);
    steps.push(result);
    if (!result.ok) return { checks: report(steps, anchor), anchor, simulatorMarker: false };
  }
  const claims: TdxClaims = { report: quote.report, qeReport: envelope.qeReport, pck, pckChain: chain, anchor };
  return {
    checks: report(steps, anchor),
    claims: claims as Authenticated<TdxClaims>,
    anchor,
    simulatorMarker: false,
  };
}

interface Platform {
  readonly chain: Chain;
  readonly pck: PckClaims;
}

/** Reads the chain of a quote: leaf, intermediate, root. */
export function parsePckChain(pem: string): Chain {
  return parseChain(pem, 3, PCK_CHAIN, { endings: QUOTE_ENDINGS });
}

/** The PCK chain, good up to a root that signed itself; whose root it is, is not asked yet. */
async function authenticatePlatform(pem: string, now: Date): Promise<Platform> {
  const chain = parsePckChain(pem);
  await authenticateChain(chain, now, PCK_CHAIN);
  const [leaf, intermediate] = chain;
  const authority = intermediate?.subject.commonName ?? '';
  if (!PCK_AUTHORITIES.has(authority)) {
    refuse(`${PCK_CHAIN}: its intermediate certifies no platforms`, {
      expected: [...PCK_AUTHORITIES.keys()].join(' or '),
      actual: authority,
    });
  }
  if (leaf.subject.commonName !== PCK_LEAF) {
    refuse(`${PCK_CHAIN}: its leaf is no PCK certificate`, { expected: PCK_LEAF, actual: leaf.subject.commonName });
  }
  return { chain, pck: parsePckClaims(leaf) };
}

async function findAnchor(chain: Chain, anchors: readonly TrustAnchor[]): Promise<TrustAnchor> {
  const root = rootOf(chain);
  const anchor = anchors.find(({ publicKey }) => sameBytes(publicKey, root.publicKey));
  if (anchor !== undefined) return anchor;
  return refuse(`${PCK_CHAIN} ends in a root that is not trusted here`, {
    expected: anchors.map(({ name }) => name).join(' or '),
    actual: `${root.subject.text} (SHA-256 ${toHex(await sha256(root.der))})`,
  });
}

function bearsMarker(chain: Chain): boolean {
  return rootOf(chain).subject.commonName.startsWith(SIMULATOR_MARKER);
}

async function authenticateQuotingEnclave({ envelope }: TdxQuote, [leaf]: Chain): Promise<void> {
  if (await verifyEcdsaP256(leaf.publicKey, envelope.qeReport.bytes, envelope.qeReportSignature)) return;
  refuse("the quoting enclave's report is not signed by the PCK certificate");
}

/**
 * Report data of the quoting enclave = SHA-256(attestation key ‖ authentication data) ‖ 32 zero
 * bytes. The second half counts too: nothing else may be bound by it.
 */
async function bindAttestationKey({ envelope }: TdxQuote): Promise<void> {
  const expected = new Uint8Array(64);
  expected.set(await sha256(concatBytes(envelope.attestationKey, envelope.qeAuthData)));
  const actual = envelope.qeReport.reportData;
  if (sameBytes(expected, actual)) return;
  refuse('the quoting enclave does not vouch for the attestation key', {
    expected: toHex(expected),
    actual: toHex(actual),
  });
}

async function authenticateReport({ envelope }: TdxQuote): Promise<void> {
  if (await verifyEcdsaP256(envelope.attestationKey, envelope.signed, envelope.signature)) return;
  refuse('the quote is not signed by its attestation key');
}

const PASSED: Readonly<Record<(typeof AUTHENTICATION_CHECKS)[number], string>> = {
  'tdx.pck-chain': "The platform's certificate chain is valid and ends in an accepted root.",
  'tdx.qe-signature': "The quoting enclave's report is signed by the platform's certificate.",
  'tdx.qe-binding': 'The quoting enclave vouches for the attestation key.',
  'tdx.signature': 'The quote is signed by the attestation key.',
};

/** One check per step; what comes after a failed step was not evaluated. */
function report(steps: readonly Attempt<unknown>[], anchor: TrustAnchor | undefined): readonly Check[] {
  const rooted = anchor === undefined ? {} : { anchor: anchor.name };
  const reason = anchor === undefined ? 'the certificate chain is not trusted' : 'an earlier signature is not good';
  return AUTHENTICATION_CHECKS.map((id, index): Check => {
    const step = steps[index];
    if (step === undefined) return { id, status: 'unavailable', message: `Not evaluated: ${reason}.` };
    if (step.ok) return { id, status: 'passed', ...rooted, message: PASSED[id] };
    return { id, status: 'failed', ...step.refusal.difference, ...rooted, message: sentence(step.refusal.message) };
  });
}

/** A refusal's message as a sentence. */
export function sentence(message: string): string {
  return `${message.slice(0, 1).toUpperCase()}${message.slice(1)}.`;
}
