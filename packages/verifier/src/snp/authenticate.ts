/**
 * Authentication of an SEV-SNP report: from AMD's root of the product through its authority and the
 * certificate of chip or fleet to the report, and that the certificate is for this report.
 *
 * This is the second of the verifier's three steps. It is the only place that makes
 * `Authenticated<SnpClaims>`. Whether firmware and settings are good enough is not decided here: see
 * `appraise.ts`.
 *
 * @module
 */
import { sameBytes, toHex } from '@vitrine/documents/evidence';
import { sha256 } from '#crypto';
import type { Authenticated } from '../authenticated.ts';
import { SIMULATOR_MARKER } from '../dcap/anchors.ts';
import { sentence } from '../dcap/findings.ts';
import { commonValidity, inForceAt, type Validity } from '../dcap/remembered.ts';
import { type Attempt, attempt, RefusalError, refuse } from '../refusal.ts';
import type { Check } from '../result.ts';
import type { Certificate } from '../x509/certificate.ts';
import { authenticateChain } from '../x509/chain.ts';
import { certificatesOf, type SnpAnchor } from './anchors.ts';
import { isSameChip, isSignedBy, type SnpCertificates } from './endorsements.ts';
import { authorityName, type LeafClaims } from './leaf.ts';
import type { SnpReport } from './parse.ts';
import { type SnpProduct, showTcb } from './product.ts';

/** What an authenticated report says. */
export interface SnpClaims {
  readonly report: SnpReport;
  readonly leaf: LeafClaims;
  readonly product: SnpProduct;
  readonly authority: Certificate;
  readonly root: Certificate;
  readonly anchor: SnpAnchor;
}

export interface SnpAuthentication {
  /** Always {@link AUTHENTICATION_CHECKS}, in this order. */
  readonly checks: readonly Check[];
  /** Only when every check passed. */
  readonly claims?: Authenticated<SnpClaims>;
  /** The root of a good certificate chain, whatever follows from it. */
  readonly anchor?: SnpAnchor;
  /** The chain is good except for its root, which is no anchor and says itself that it is a simulator's. */
  readonly simulatorMarker: boolean;
}

const AUTHENTICATION_CHECKS = ['snp.vcek-chain', 'snp.signature', 'snp.tcb-binding', 'snp.chip-id'] as const;

/** How many certificates are tried in the place of the authority. */
const MAX_AUTHORITIES = 4;

/** Follows the signatures of `report` to one of `anchors`. */
export async function authenticateSnp(
  report: SnpReport,
  certificates: SnpCertificates,
  anchors: readonly SnpAnchor[],
  now: Date,
): Promise<SnpAuthentication> {
  const { leaf } = certificates;
  if (leaf === undefined) return { checks: withoutLeaf(report, certificates), simulatorMarker: false };
  const anchoring = await attempt(() => findAnchor(leaf, certificates, anchors, now));
  if (!anchoring.ok) {
    const marked = await bearsMarker(leaf, certificates, now);
    return { checks: reportSteps([anchoring], undefined), simulatorMarker: marked };
  }
  const { anchor, authority, root } = anchoring.value;
  const steps: Attempt<unknown>[] = [anchoring];
  for (const step of [
    () => authenticateReport(leaf, report),
    () => bindTcb(leaf, report),
    () => bindChip(leaf, report),
  ]) {
    const result = await attempt(step);
    steps.push(result);
    if (!result.ok) return { checks: reportSteps(steps, anchor), anchor, simulatorMarker: false };
  }
  const claims: SnpClaims = { report, leaf, product: leaf.product, authority, root, anchor };
  return {
    checks: reportSteps(steps, anchor),
    claims: claims as Authenticated<SnpClaims>,
    anchor,
    simulatorMarker: false,
  };
}

interface Anchoring {
  readonly anchor: SnpAnchor;
  readonly authority: Certificate;
  readonly root: Certificate;
}

/**
 * The anchor of the leaf's product under which leaf and authority are good. The authority that is
 * known beforehand is tried first, then what was given: AMD may have issued a newer one.
 */
async function findAnchor(
  leaf: LeafClaims,
  { authorities: given }: SnpCertificates,
  anchors: readonly SnpAnchor[],
  now: Date,
): Promise<Anchoring> {
  const name = chainName(leaf);
  let refusal: RefusalError | undefined;
  for (const anchor of anchors.filter(({ product }) => product === leaf.product || product === 'any')) {
    const { root, authorities } = certificatesOf(anchor);
    for (const authority of issuersOf(leaf, [...authorities, ...given])) {
      const chain: GoodChain = [leaf.certificate, authority, root];
      const result = await attempt(() => authenticateOnce(chain, now, name));
      if (result.ok) return { anchor, authority, root };
      refusal ??= result.refusal;
    }
  }
  throw refusal ?? (await unknownIssuer(leaf, anchors));
}

type GoodChain = readonly [leaf: Certificate, authority: Certificate, root: Certificate];

/** The last good chain above each leaf. By objects, which are read once for the same bytes and never changed. */
const good = new WeakMap<Certificate, { readonly chain: GoodChain; readonly validity: Validity }>();

/** That a chain is good depends on nothing but its bytes and the time. */
async function authenticateOnce(chain: GoodChain, now: Date, name: string): Promise<void> {
  const [leaf, authority, root] = chain;
  const known = good.get(leaf);
  const isKnown = known !== undefined && known.chain[1] === authority && known.chain[2] === root;
  if (isKnown && inForceAt(known.validity, now)) return;
  await authenticateChain(chain, now, name, [root]);
  good.set(leaf, { chain, validity: commonValidity(chain.map(({ notBefore, notAfter }) => [notBefore, notAfter])) });
}

/** Those certificates that may have issued the leaf: the name decides which are tried, the signature whether they did. */
function issuersOf(leaf: LeafClaims, authorities: readonly Certificate[]): readonly Certificate[] {
  const expected = authorityName(leaf.kind, leaf.product);
  return authorities
    .filter(({ subject }) => subject.commonName === expected && sameBytes(subject.der, leaf.certificate.issuer.der))
    .slice(0, MAX_AUTHORITIES);
}

async function unknownIssuer(leaf: LeafClaims, anchors: readonly SnpAnchor[]): Promise<RefusalError> {
  const roots = anchors.filter(({ product }) => product === leaf.product || product === 'any').map(({ name }) => name);
  return new RefusalError(`${chainName(leaf)} does not lead to a root that is trusted here`, {
    expected: `issued by ${authorityName(leaf.kind, leaf.product)}, under ${roots.join(' or ') || 'no root of this product'}`,
    actual: `issued by ${leaf.certificate.issuer.text} (SHA-256 ${toHex(await sha256(leaf.certificate.der))})`,
  });
}

/** Whether what was given is a good chain by itself, to a root that calls itself a simulator's. */
async function bearsMarker(leaf: LeafClaims, { authorities }: SnpCertificates, now: Date): Promise<boolean> {
  const roots = authorities.filter(
    ({ subject, issuer }) => subject.commonName.startsWith(SIMULATOR_MARKER) && sameBytes(subject.der, issuer.der),
  );
  for (const root of roots.slice(0, MAX_AUTHORITIES)) {
    for (const authority of issuersOf(leaf, authorities)) {
      const result = await attempt(() => authenticateChain([leaf.certificate, authority, root], now, chainName(leaf)));
      if (result.ok) return true;
    }
  }
  return false;
}

async function authenticateReport(leaf: LeafClaims, report: SnpReport): Promise<void> {
  if (await isSignedBy(leaf, report)) return;
  refuse(`the report is not signed by the ${leaf.kind.toUpperCase()}`);
}

/** Another TCB version has another key, and a key of old firmware must not vouch for new firmware. */
function bindTcb({ tcb, product, kind }: LeafClaims, report: SnpReport): void {
  if (sameBytes(tcb, report.tcb.reported)) return;
  const show = (bytes: Uint8Array): string => `${showTcb(product, bytes)} (${toHex(bytes)})`;
  refuse(`the ${kind.toUpperCase()} is for another TCB version than the report states`, {
    expected: show(tcb),
    actual: show(report.tcb.reported),
  });
}

function bindChip(leaf: LeafClaims, report: SnpReport): void {
  if (isSameChip(leaf, report)) return;
  refuse('the VCEK is of another chip than the report states', {
    expected: toHex(leaf.hardwareId ?? new Uint8Array()),
    actual: toHex(report.chipId),
  });
}

function chainName({ kind }: LeafClaims): string {
  return `${kind.toUpperCase()} certificate chain`;
}

const PASSED: Readonly<Record<(typeof AUTHENTICATION_CHECKS)[number], string>> = {
  'snp.vcek-chain': "The certificate of the report's key is valid and leads to an accepted root.",
  'snp.signature': 'The report is signed by the key of this certificate.',
  'snp.tcb-binding': 'The certificate is for the TCB version that the report states.',
  'snp.chip-id': 'The certificate is for the chip that the report states, or for a whole fleet.',
};

function withoutLeaf({ signer }: SnpReport, { reason }: SnpCertificates): readonly Check[] {
  const why =
    signer === 'none'
      ? 'Not evaluated: the report is not signed.'
      : `${sentence(reason)} It has to be fetched or given.`;
  return AUTHENTICATION_CHECKS.map((id, index) => ({
    id,
    status: 'unavailable',
    message: index === 0 ? why : 'Not evaluated: there is no certificate for the key of this report.',
  }));
}

/** One check per step; what comes after a failed step was not evaluated. */
function reportSteps(steps: readonly Attempt<unknown>[], anchor: SnpAnchor | undefined): readonly Check[] {
  const rooted = anchor === undefined ? {} : { anchor: anchor.name };
  const reason = anchor === undefined ? 'the certificate chain is not trusted' : 'an earlier step failed';
  return AUTHENTICATION_CHECKS.map((id, index): Check => {
    const step = steps[index];
    if (step === undefined) return { id, status: 'unavailable', message: `Not evaluated: ${reason}.` };
    if (step.ok) return { id, status: 'passed', ...rooted, message: PASSED[id] };
    return { id, status: 'failed', ...step.refusal.difference, ...rooted, message: sentence(step.refusal.message) };
  });
}
