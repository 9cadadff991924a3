/**
 * Verification of an SEV-SNP report: parse, authenticate, appraise. What is common to all
 * technologies (workload, bindings, verdict) stands in `../verify.ts`.
 *
 * @module
 */
import { toHex } from '@vitrine/documents/evidence';
import { unavailable } from '../dcap/findings.ts';
import type { Check } from '../result.ts';
import type { GivenEndorsements, HardwareClaims, HardwareOutcome } from '../technology.ts';
import { amdAnchors, type SnpAnchor } from './anchors.ts';
import { APPRAISAL_CHECKS, appraiseSnp } from './appraise.ts';
import { productCheck, showCpuid, signerCheck } from './appraise-product.ts';
import { authenticateSnp, type SnpClaims } from './authenticate.ts';
import { chooseCertificates } from './endorsements.ts';
import { FORMAT_CHECK, parseSnpReport, type SnpReport } from './parse.ts';
import type { SnpPlatform } from './platform.ts';
import type { SnpPolicy } from './policy.ts';
import { processorOf, type SnpProduct, showTcb } from './product.ts';
import { revocationCheck } from './revocation.ts';

export interface SnpInputs {
  /** Everything that is at hand: certificates and revocation lists are chosen from it. */
  readonly endorsements: GivenEndorsements;
  readonly policy: SnpPolicy;
  readonly now: Date;
  /** Roots beside AMD's. Whatever they say, they count as a simulator's. */
  readonly anchors?: readonly SnpAnchor[];
}

/**
 * Verifies a report for the time `inputs.now`.
 *
 * @throws MalformedEvidenceError when `bytes` is no well-formed report of a supported version; nothing else.
 */
export async function verifySnp(bytes: Uint8Array<ArrayBuffer>, inputs: SnpInputs): Promise<HardwareOutcome> {
  const { endorsements, policy, now } = inputs;
  const report = parseSnpReport(bytes);
  const certificates = await chooseCertificates(report, endorsements.certificates);
  const anchors = [...amdAnchors(), ...(inputs.anchors ?? []).map((anchor) => ({ ...anchor, simulator: true }))];
  const { checks, claims, anchor, simulatorMarker } = await authenticateSnp(report, certificates, anchors, now);
  const product = productCheck(report, certificates, policy);
  const rooted = anchor === undefined ? {} : { anchor };
  const first = [formatCheck(report), claims === undefined ? product : { ...product, anchor: claims.anchor.name }];
  if (claims === undefined) {
    const open = withoutClaims(
      report,
      policy,
      anchor === undefined ? 'the certificate chain is not trusted' : 'the report is not authenticated',
    );
    return { checks: [...first, ...checks, ...open], ...rooted, simulatorMarker, unverified: unverifiedOf(report) };
  }
  const revocation = await revocationCheck(claims, endorsements.revocationLists, now, policy);
  return {
    checks: [...first, ...checks, ...appraiseSnp(claims, policy), { ...revocation, anchor: claims.anchor.name }],
    claims: claimsOf(claims),
    ...rooted,
    simulatorMarker,
    unverified: {},
  };
}

/**
 * The platform that a report names, to fetch endorsements for. Not authenticated.
 *
 * @throws MalformedEvidenceError
 */
export function snpPlatform(bytes: Uint8Array<ArrayBuffer>): SnpPlatform {
  const report = parseSnpReport(bytes);
  return {
    technology: 'snp',
    products: productsOf(report),
    signer: report.signer === 'vlek' ? 'vlek' : 'vcek',
    chipId: toHex(report.chipId),
    reportedTcb: toHex(report.tcb.reported),
  };
}

/** Only Turin's chip ids end in zeros. */
function productsOf({ cpuid, chipId }: SnpReport): readonly SnpProduct[] {
  if (cpuid !== undefined) {
    const product = processorOf(cpuid)?.product;
    return product === undefined ? [] : [product];
  }
  return chipId.subarray(8).every((value) => value === 0) ? ['Turin'] : ['Genoa', 'Milan'];
}

function formatCheck({ version }: SnpReport): Check {
  return { id: FORMAT_CHECK, status: 'passed', message: `A well-formed SEV-SNP report of version ${version}.` };
}

/** That nothing signed the report is known without any certificate. */
function withoutClaims(report: SnpReport, policy: SnpPolicy, reason: string): readonly Check[] {
  const signer = signerCheck(report, policy);
  return [...APPRAISAL_CHECKS, 'snp.revocation'].map((id) =>
    id === signer.id && signer.status === 'failed' ? signer : unavailable(id, reason),
  );
}

function claimsOf({ report, leaf, product, anchor }: SnpClaims): HardwareClaims {
  const chip = leaf.hardwareId === undefined ? {} : { chipId: toHex(leaf.hardwareId) };
  const fleet = leaf.providerId === undefined ? {} : { cspId: leaf.providerId };
  const processor = report.cpuid === undefined ? {} : { cpuid: showCpuid(report.cpuid) };
  return {
    technology: 'snp',
    anchor: anchor.name,
    tcbStatus: showTcb(product, report.tcb.reported),
    platform: { product, ...processor, ...chip, ...fleet, reportedTcb: toHex(report.tcb.reported) },
    registers: report.registers,
    reportData: report.reportData,
  };
}

function unverifiedOf(report: SnpReport): Readonly<Record<string, string>> {
  const [product = 'unknown', ...more] = productsOf(report);
  return {
    product: [product, ...more].join(' or '),
    chipid: toHex(report.chipId),
    reportedtcb: toHex(report.tcb.reported),
    ...report.registers,
    reportdata: report.reportData,
  };
}
