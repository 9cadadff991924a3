/**
 * Certificate chains of one fixed shape: leaf, any authorities, root, each issued by the next.
 *
 * There is no path building: the certificates stand in the order in which they must verify, and
 * the root is compared with trust anchors by the caller. A search for a path is where chain
 * checkers accept what they should not, and where hostile input makes them run for minutes.
 *
 * Rules: RFC 5280, section 6.1, for this shape. Revocation is checked apart.
 *
 * @module
 */
import { sameBytes } from '@vitrine/documents/evidence';
import { verifyEndorsedSignature } from '../platform/endorsed-signature.ts';
import { refuse } from '../refusal.ts';
import { allows, type Certificate, parseCertificate } from './certificate.ts';
import { readPemChain } from './pem.ts';
import type { CertificateProfile } from './profile.ts';

/** Leaf first, root last. */
export type Chain = readonly [Certificate, ...Certificate[]];

/**
 * Reads a PEM chain of exactly `count` certificates.
 *
 * @param options.known - Certificates that were read before; equal bytes are not read again.
 * @param options.endings - What may follow the last certificate; as in files unless given.
 * @throws RefusalError
 */
export function parseChain(pem: string, count: number, what: string, options: ChainOptions = {}): Chain {
  const { known = [], endings } = options;
  const [leaf, ...others] = readPemChain(pem, count, what, endings, known).map(
    ({ lines, der }, index) =>
      known.find((one) => sameBytes(one.der, der)) ?? {
        ...parseCertificate(der, `${what}, certificate ${index + 1}`),
        lines,
      },
  );
  return leaf === undefined ? refuse(`${what}: empty`) : [leaf, ...others];
}

interface ChainOptions {
  readonly known?: readonly Certificate[];
  readonly endings?: readonly string[];
}

/**
 * Reads a chain that is given as single certificates, leaf first. How many there may be is the
 * caller's to decide.
 *
 * @throws RefusalError
 */
export function parseDerChain(
  certificates: readonly Uint8Array<ArrayBuffer>[],
  what: string,
  profile: CertificateProfile,
): Chain {
  const [leaf, ...others] = certificates.map((der, index) =>
    parseCertificate(der, `${what}, certificate ${index + 1}`, profile),
  );
  return leaf === undefined ? refuse(`${what}: empty`) : [leaf, ...others];
}

/** The last certificate of a chain. */
export function rootOf(chain: Chain): Certificate {
  return chain.at(-1) ?? chain[0];
}

/**
 * Demands that every certificate is in force at `now`, has the role of its place and is signed by
 * the next one, and that the root signed itself. Says nothing about whether the root is trusted.
 *
 * @param known - A chain that was authenticated before; signatures between equal certificates are not computed again.
 * @throws RefusalError
 */
export async function authenticateChain(
  chain: Chain,
  now: Date,
  what: string,
  known: readonly Certificate[] = [],
): Promise<void> {
  for (const [index, certificate] of chain.entries()) {
    const issuer = chain[index + 1] ?? certificate;
    const name = `${what}: ${certificate.subject.commonName || `certificate ${index + 1}`}`;
    checkRole(certificate, index, name);
    checkValidity(certificate, now, name);
    if (!sameBytes(certificate.issuer.der, issuer.subject.der)) {
      refuse(`${name} names another issuer than the next certificate`, {
        expected: issuer.subject.text,
        actual: certificate.issuer.text,
      });
    }
    if (isKnownLink(certificate, issuer, known)) continue;
    const { signed, signature, signatureAlgorithm } = certificate;
    if (!(await verifyEndorsedSignature(issuer.publicKey, signed, signature, signatureAlgorithm))) {
      refuse(`${name}: its signature is not of ${issuer.subject.commonName || 'its issuer'}`);
    }
  }
}

/** Whether `known` has `certificate` and, as its issuer, `issuer`: the very same bytes. */
function isKnownLink(certificate: Certificate, issuer: Certificate, known: readonly Certificate[]): boolean {
  const index = known.findIndex((one) => sameBytes(one.der, certificate.der));
  const knownIssuer = known[index + 1] ?? known[index];
  return index >= 0 && knownIssuer !== undefined && sameBytes(knownIssuer.der, issuer.der);
}

function checkRole(certificate: Certificate, index: number, name: string): void {
  const { isAuthority, pathLength, keyUsage } = certificate;
  if (index === 0) {
    if (isAuthority) refuse(`${name} is an authority and stands where a leaf has to`);
    if (!allows(certificate, 'digitalSignature')) refuse(`${name} may not sign data`);
    if (keyUsage.has('keyCertSign') || keyUsage.has('cRLSign'))
      refuse(`${name} is a leaf with an authority's key usage`);
    return;
  }
  if (!isAuthority) refuse(`${name} is not an authority and stands where an issuer has to`);
  if (!allows(certificate, 'keyCertSign')) refuse(`${name} may not sign certificates`);
  const below = index - 1;
  if (pathLength !== undefined && pathLength < below) {
    refuse(`${name}: path length is exceeded`, { expected: `at most ${pathLength}`, actual: String(below) });
  }
}

function checkValidity({ notBefore, notAfter }: Certificate, now: Date, name: string): void {
  if (notBefore <= now && now <= notAfter) return;
  refuse(`${name} is not valid at this time`, {
    expected: `${notBefore.toISOString()} to ${notAfter.toISOString()}`,
    actual: now.toISOString(),
  });
}
