/**
 * Authentication of a Nitro document: from the pinned root through AWS's authorities of region,
 * zone and instance to the enclave's certificate, and from its key to the document.
 *
 * It is the only place that makes `Authenticated<NitroClaims>`. The chain has to be valid at the
 * document's own time, since its leaf lives for hours; whether that time is near enough to now is
 * decided in `appraise.ts`. AWS recommends no revocation lists here, and none are asked for.
 *
 * AWS Nitro Enclaves User Guide, "Verifying the root of trust"; RFC 5280, section 6.1, for a chain
 * of one fixed order.
 *
 * @module
 */
import { sameBytes, toHex } from '@vitrine/documents/evidence';
import { sha256, verifyEcdsaP384 } from '#crypto';
import type { Authenticated } from '../authenticated.ts';
import { SIMULATOR_MARKER } from '../dcap/anchors.ts';
import { sentence } from '../dcap/findings.ts';
import { type Attempt, attempt, refuse } from '../refusal.ts';
import type { Check } from '../result.ts';
import { authenticateChain, type Chain, parseDerChain, rootOf } from '../x509/chain.ts';
import type { CertificateProfile } from '../x509/profile.ts';
import type { NitroAnchor } from './anchors.ts';
import { signatureInput } from './cose.ts';
import type { NitroDocument } from './parse.ts';

/** What an authenticated document says. */
export interface NitroClaims {
  readonly document: NitroDocument;
  readonly anchor: NitroAnchor;
}

export interface NitroAuthentication {
  /** Always {@link AUTHENTICATION_CHECKS}, in this order. */
  readonly checks: readonly Check[];
  /** Only when every check passed. */
  readonly claims?: Authenticated<NitroClaims>;
  /** The root of a good certificate chain, whatever follows from it. */
  readonly anchor?: NitroAnchor;
  /** The chain is good except for its root, which is no anchor and says itself that it is a simulator's. */
  readonly simulatorMarker: boolean;
}

const AUTHENTICATION_CHECKS = ['nitro.chain', 'nitro.signature'] as const;

/** AWS's Nitro PKI: P-384 throughout, 0.5 to 0.8 kB; the document's definition allows 1024 bytes. */
const AWS_NITRO_PROFILE: CertificateProfile = {
  keys: ['p384'],
  signatures: ['ecdsa-p384-sha384'],
  serialNumber: 'positive',
  required: ['basicConstraints', 'keyUsage'],
  trailingBits: 'none',
  critical: [],
  maxBytes: 1024,
};

const CHAIN = 'Nitro certificate chain';

/** Follows the signatures of `document` to one of `anchors`. */
export async function authenticateNitro(
  document: NitroDocument,
  anchors: readonly NitroAnchor[],
): Promise<NitroAuthentication> {
  const chain = await attempt(() => authenticateCertificates(document));
  const anchoring = await attempt(async () => {
    if (!chain.ok) throw chain.refusal;
    return findAnchor(chain.value, anchors);
  });
  if (!chain.ok || !anchoring.ok) {
    const refusal = chain.ok ? anchoring : chain;
    return { checks: report([refusal], undefined), simulatorMarker: chain.ok && bearsMarker(chain.value) };
  }
  const anchor = anchoring.value;
  const signature = await attempt(() => authenticateDocument(document, chain.value));
  const checks = report([anchoring, signature], anchor);
  if (!signature.ok) return { checks, anchor, simulatorMarker: false };
  const claims: NitroClaims = { document, anchor };
  return { checks, claims: claims as Authenticated<NitroClaims>, anchor, simulatorMarker: false };
}

/** The chain, good up to a root that signed itself; whose root it is, is not asked yet. */
async function authenticateCertificates({ certificates, timestamp }: NitroDocument): Promise<Chain> {
  const chain = parseDerChain(certificates, CHAIN, AWS_NITRO_PROFILE);
  await authenticateChain(chain, timestamp, CHAIN);
  return chain;
}

async function findAnchor(chain: Chain, anchors: readonly NitroAnchor[]): Promise<NitroAnchor> {
  const root = rootOf(chain);
  const anchor = anchors.find(({ publicKey }) => sameBytes(publicKey, root.publicKey));
  if (anchor !== undefined) return anchor;
  return refuse(`${CHAIN} ends in a root that is not trusted here`, {
    expected: anchors.map(({ name }) => name).join(' or '),
    actual: `${root.subject.text} (SHA-256 ${toHex(await sha256(root.der))})`,
  });
}

function bearsMarker(chain: Chain): boolean {
  return rootOf(chain).subject.commonName.startsWith(SIMULATOR_MARKER);
}

async function authenticateDocument({ cose }: NitroDocument, [leaf]: Chain): Promise<void> {
  if (await verifyEcdsaP384(leaf.publicKey, signatureInput(cose), cose.signature)) return;
  refuse("the document is not signed by the enclave's certificate");
}

const PASSED: Readonly<Record<(typeof AUTHENTICATION_CHECKS)[number], string>> = {
  'nitro.chain': "The certificate chain was valid at the document's time and ends in an accepted root.",
  'nitro.signature': "The document is signed by the enclave's certificate.",
};

/** One check per step; what comes after a failed step was not evaluated. */
function report(steps: readonly Attempt<unknown>[], anchor: NitroAnchor | undefined): readonly Check[] {
  const rooted = anchor === undefined ? {} : { anchor: anchor.name };
  return AUTHENTICATION_CHECKS.map((id, index): Check => {
    const step = steps[index];
    if (step === undefined) {
      return { id, status: 'unavailable', message: 'Not evaluated: the certificate chain is not trusted.' };
    }
    if (step.ok) return { id, status: 'passed', ...rooted, message: PASSED[id] };
    return { id, status: 'failed', ...step.refusal.difference, ...rooted, message: sentence(step.refusal.message) };
  });
}
