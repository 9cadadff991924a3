/**
 * Encodes X.509 certificates and the extensions that Vitrine's certificates have (RFC 5280).
 *
 * It writes what it is told, valid or not: the enclave's TLS certificate and the simulator's chain
 * are made here, and so are the broken certificates that tests need.
 *
 * @module
 */
import {
  type Der,
  derBitString,
  derBoolean,
  derContext,
  derContextPrimitive,
  derInteger,
  derNamedBits,
  derOctetString,
  derOid,
  derPrintableString,
  derSequence,
  derSet,
  derTime,
  derUnsigned,
  derUtf8String,
} from './der-encode.ts';

const ATTRIBUTES = { CN: '2.5.4.3', O: '2.5.4.10', L: '2.5.4.7', ST: '2.5.4.8', C: '2.5.4.6' } as const;
const KEY_USAGES = { digitalSignature: 0, nonRepudiation: 1, keyEncipherment: 2, keyCertSign: 5, cRLSign: 6 } as const;

export type KeyUsage = keyof typeof KEY_USAGES;
/** A distinguished name: attributes in the order in which they are encoded. */
export type DistinguishedName = readonly (readonly [attribute: keyof typeof ATTRIBUTES, value: string])[];

export interface CertificateExtension {
  /** Dotted object identifier. */
  readonly oid: string;
  readonly critical: boolean;
  /** DER of the extension's own type. */
  readonly value: Uint8Array;
}

export interface CertificateFields {
  /** 3 for X.509 v3. */
  readonly version: number;
  /** Unsigned, big-endian. */
  readonly serial: Uint8Array;
  /** Dotted object identifier of the signature algorithm, such as {@link ECDSA_WITH_SHA256}. */
  readonly signatureAlgorithm: string;
  readonly issuer: DistinguishedName;
  readonly subject: DistinguishedName;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  readonly extensions: readonly CertificateExtension[];
}

export const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';
/** RFC 5280 section 4.1.2.5: the end of a certificate that has no well-defined one. */
export const NO_EXPIRY: Date = new Date('9999-12-31T23:59:59Z');

/** DER of the certificate. `sign` gets the to-be-signed bytes and returns the signature value. */
export function encodeCertificate(fields: CertificateFields, sign: (bytes: Uint8Array) => Uint8Array): Der {
  const algorithm = algorithmIdentifier(fields.signatureAlgorithm);
  const signed = derSequence(
    ...(fields.version === 1 ? [] : [derContext(0, derInteger(fields.version - 1))]),
    derUnsigned(fields.serial),
    algorithm,
    encodeName(fields.issuer),
    derSequence(derTime(fields.notBefore), derTime(fields.notAfter)),
    encodeName(fields.subject),
    fields.spki,
    ...(fields.extensions.length === 0 ? [] : [derContext(3, encodeExtensions(fields.extensions))]),
  );
  return derSequence(signed, algorithm, derBitString(sign(signed)));
}

/** AlgorithmIdentifier without parameters, as the ECDSA algorithms have it. */
export function algorithmIdentifier(oid: string): Der {
  return derSequence(derOid(oid));
}

export function encodeName(name: DistinguishedName): Der {
  return derSequence(
    ...name.map(([attribute, value]) =>
      derSet(
        derSequence(
          derOid(ATTRIBUTES[attribute]),
          attribute === 'C' ? derPrintableString(value) : derUtf8String(value),
        ),
      ),
    ),
  );
}

/** The SEQUENCE OF Extension that certificates, lists and their entries share. */
export function encodeExtensions(extensions: readonly CertificateExtension[]): Der {
  return derSequence(
    ...extensions.map(({ oid, critical, value }) =>
      derSequence(derOid(oid), ...(critical ? [derBoolean(true)] : []), derOctetString(value)),
    ),
  );
}

/** Critical key usage. */
export function keyUsage(...usages: readonly KeyUsage[]): CertificateExtension {
  return { oid: '2.5.29.15', critical: true, value: derNamedBits(usages.map((usage) => KEY_USAGES[usage])) };
}

/** Critical basic constraints: `'leaf'`, or a CA with the number of further CAs that may follow it. */
export function basicConstraints(role: 'leaf' | { readonly pathLength: number }): CertificateExtension {
  const value = role === 'leaf' ? derSequence() : derSequence(derBoolean(true), derInteger(role.pathLength));
  return { oid: '2.5.29.19', critical: true, value };
}

/** Extended key usage: may stand as a TLS server. */
export function serverAuthentication(): CertificateExtension {
  return { oid: '2.5.29.37', critical: false, value: derSequence(derOid('1.3.6.1.5.5.7.3.1')) };
}

export function subjectKeyIdentifier(identifier: Uint8Array): CertificateExtension {
  return { oid: '2.5.29.14', critical: false, value: derOctetString(identifier) };
}

export function authorityKeyIdentifier(identifier: Uint8Array): CertificateExtension {
  return { oid: '2.5.29.35', critical: false, value: derSequence(derContextPrimitive(0, identifier)) };
}

/** One CRL distribution point, by URL. */
export function crlDistributionPoint(url: string): CertificateExtension {
  const name = derContextPrimitive(6, new TextEncoder().encode(url));
  return {
    oid: '2.5.29.31',
    critical: false,
    value: derSequence(derSequence(derContext(0, derContext(0, name)))),
  };
}
