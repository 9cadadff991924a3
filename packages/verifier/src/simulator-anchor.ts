/**
 * The anchor that a user gives for a simulator: the root certificate of that simulator, for evidence in Intel's form
 * or in AMD's. What kind of root it is follows from its form.
 *
 * Whatever the certificate says, evidence under it is `simulated` at best, and nothing else about it is waived:
 * certificates below it, signatures and revocation lists are judged as under a vendor's root.
 *
 * @module
 */
import { UsageError } from '@vitrine/documents/evidence';
import type { TrustAnchor } from './dcap/anchors.ts';
import { RefusalError } from './refusal.ts';
import type { SnpAnchor } from './snp/anchors.ts';
import { type Certificate, parseCertificate } from './x509/certificate.ts';
import { parseChain } from './x509/chain.ts';
import { parsePemChain } from './x509/pem.ts';
import { AMD_AUTHORITY_PROFILE } from './x509/profile.ts';

/** The root of a simulator of TDX and SGX, or of one of SEV-SNP. */
export type SimulatorAnchor = TrustAnchor | SnpAnchor;

/**
 * @param pem - Exactly one certificate: P-256 in Intel's form, or RSA with RSASSA-PSS in AMD's.
 * @param name - How to call the file in errors.
 * @throws UsageError when it is neither.
 */
export function simulatorAnchor(pem: string, name = 'the simulator root'): SimulatorAnchor {
  try {
    return amdRoot(pem, name) ?? intelRoot(pem, name);
  } catch (cause) {
    if (!(cause instanceof RefusalError)) throw cause;
    throw new UsageError('simulator.root', `${cause.message}: expected one certificate in PEM form`, { cause });
  }
}

function intelRoot(pem: string, name: string): TrustAnchor {
  const [certificate] = parseChain(pem, 1, name);
  return { name: 'simulator', publicKey: certificate.publicKey, certificate, simulator: true };
}

/** `undefined` where it is no root in AMD's form. */
function amdRoot(pem: string, name: string): SnpAnchor | undefined {
  const [root] = parsePemChain(pem, 1, name);
  if (root === undefined || readAmd(root, name)?.isAuthority !== true) return undefined;
  return { name: 'simulator', product: 'any', root, authorities: [], simulator: true };
}

function readAmd(der: Uint8Array<ArrayBuffer>, name: string): Certificate | undefined {
  try {
    return parseCertificate(der, name, AMD_AUTHORITY_PROFILE);
  } catch (cause) {
    if (cause instanceof RefusalError) return undefined;
    throw cause;
  }
}
