/**
 * One certificate of the false PKI: described as data, then signed. Whatever a test wants to be
 * wrong is changed in the description, so the signature over it stays good.
 *
 * @module
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  type CertificateExtension,
  type CertificateFields,
  type DistinguishedName,
  ECDSA_WITH_SHA256,
  encodeCertificate,
} from '@vitrine/attester';
import { type KeyPair, signDer } from './keys.ts';

/** Everything that goes into a certificate, and who signs it. */
export interface CertificateDescription extends Omit<CertificateFields, 'spki'> {
  /** The subject's key pair. */
  readonly key: KeyPair;
  /** The issuer's key pair; the subject's own where the certificate is self-signed. */
  readonly signer: KeyPair;
}

export interface IssuedCertificate {
  readonly der: Uint8Array<ArrayBuffer>;
  readonly key: KeyPair;
  readonly serial: Uint8Array;
  readonly subject: DistinguishedName;
}

/** A change to the description of a good certificate. */
export type CertificateChange = (good: CertificateDescription) => CertificateDescription;

export function issueCertificate(description: CertificateDescription): IssuedCertificate {
  const { key, signer, serial, subject } = description;
  const der = encodeCertificate({ ...description, spki: key.spki }, (bytes) => signDer(signer, bytes));
  return { der, key, serial, subject };
}

/** A v3 description with a random serial number; the rest is the caller's. */
export function describeCertificate(
  members: Omit<CertificateDescription, 'version' | 'serial' | 'signatureAlgorithm'>,
): CertificateDescription {
  const serial = Uint8Array.from(randomBytes(20));
  // Positive and of full length whatever the first bit is: 20 bytes are the most that RFC 5280 allows.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return { ...members, version: 3, serial, signatureAlgorithm: ECDSA_WITH_SHA256 };
}

/** RFC 5280 section 4.2.1.2, method 1: SHA-1 of the public key. A name, not a protection. */
export function keyIdentifier(key: KeyPair): Uint8Array<ArrayBuffer> {
  // In the SubjectPublicKeyInfo of a P-256 key the point is the last 65 bytes.
  return Uint8Array.from(createHash('sha1').update(key.spki.subarray(-65)).digest());
}

/** `extensions` with `extension` in the place of the one with the same identifier, or at the end. */
export function withExtension(
  extensions: readonly CertificateExtension[],
  extension: CertificateExtension,
): readonly CertificateExtension[] {
  return extensions.some(({ oid }) => oid === extension.oid)
    ? extensions.map((present) => (present.oid === extension.oid ? extension : present))
    : [...extensions, extension];
}

export function withoutExtension(
  extensions: readonly CertificateExtension[],
  oid: string,
): readonly CertificateExtension[] {
  return extensions.filter((present) => present.oid !== oid);
}
