/**
 * What one vendor's certificates and revocation lists look like. Each PKI here is one vendor's own,
 * and a certificate of another look under its root is not one that the vendor makes.
 *
 * A profile only says which forms are read. Whether a certificate is believed, and what its key may
 * sign, is decided in `chain.ts` and by the owner of the anchors.
 *
 * @module
 */
import type { SignatureAlgorithm } from '../platform/endorsed-signature.ts';

/** `rsa`: 2048 to 4096 bits; which of these may verify a signature is up to the algorithm. */
export type KeyAlgorithm = 'p256' | 'p384' | 'rsa';

export interface CertificateProfile {
  readonly keys: readonly KeyAlgorithm[];
  /** With which a certificate or list may be signed. */
  readonly signatures: readonly SignatureAlgorithm[];
  /** RFC 5280 demands a positive one; AMD's leaves have zero. */
  readonly serialNumber: 'positive' | 'any';
  /** Absent basic constraints mean "no authority", absent key usage means "no restriction" (RFC 5280, 4.2.1). */
  readonly required: readonly ('basicConstraints' | 'keyUsage')[];
  /** Whether the bits of the key usage may end in zeros, which DER forbids and AMD's authorities do. */
  readonly trailingBits: 'none' | 'zeros';
  /** Critical extensions beside basic constraints and key usage that the owner of the profile judges. */
  readonly critical: readonly string[];
  readonly maxBytes: number;
}

/** AMD's authorities: ARK, ASK and ASVK. VCEK Certificate and KDS Interface Specification (AMD 57230). */
export const AMD_AUTHORITY_PROFILE: CertificateProfile = {
  keys: ['rsa'],
  signatures: ['rsa-pss-sha384'],
  serialNumber: 'positive',
  required: ['basicConstraints', 'keyUsage'],
  trailingBits: 'zeros',
  critical: [],
  maxBytes: 4096,
};

/** Intel's provisioning PKI: Intel SGX PCK Certificate and CRL Profile Specification. Certificates have 0.6 to 1.3 kB. */
export const INTEL_PROFILE: CertificateProfile = {
  keys: ['p256'],
  signatures: ['ecdsa-p256-sha256'],
  serialNumber: 'any',
  required: ['basicConstraints', 'keyUsage'],
  trailingBits: 'none',
  critical: [],
  maxBytes: 10_000,
};
