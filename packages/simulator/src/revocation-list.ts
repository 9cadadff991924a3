/**
 * Certificate revocation lists (RFC 5280 section 5), described as data, then signed.
 *
 * @module
 */
import {
  algorithmIdentifier,
  authorityKeyIdentifier,
  type CertificateExtension,
  type DistinguishedName,
  derBitString,
  derContext,
  derEnumerated,
  derInteger,
  derSequence,
  derTime,
  derUnsigned,
  ECDSA_WITH_SHA256,
  encodeExtensions,
  encodeName,
} from '@vitrine/attester';
import { type IssuedCertificate, keyIdentifier } from './certificate.ts';
import { type KeyPair, signDer } from './keys.ts';

export interface RevokedEntry {
  readonly serial: Uint8Array;
  readonly date: Date;
  readonly extensions: readonly CertificateExtension[];
}

export interface CrlDescription {
  /** 2 for v2. */
  readonly version: number;
  readonly signatureAlgorithm: string;
  readonly issuer: DistinguishedName;
  readonly thisUpdate: Date;
  /** Absent only in lists that no verifier may accept. */
  readonly nextUpdate: Date | undefined;
  readonly revoked: readonly RevokedEntry[];
  readonly extensions: readonly CertificateExtension[];
  readonly signer: KeyPair;
}

/** DER of the list. As in Intel's, the list of entries is absent when there are none. */
export function issueCrl(description: CrlDescription): Uint8Array<ArrayBuffer> {
  const { version, issuer, thisUpdate, nextUpdate, revoked, extensions, signer } = description;
  const algorithm = algorithmIdentifier(description.signatureAlgorithm);
  const signed = derSequence(
    ...(version === 1 ? [] : [derInteger(version - 1)]),
    algorithm,
    encodeName(issuer),
    derTime(thisUpdate),
    ...(nextUpdate === undefined ? [] : [derTime(nextUpdate)]),
    ...(revoked.length === 0 ? [] : [derSequence(...revoked.map(encodeEntry))]),
    ...(extensions.length === 0 ? [] : [derContext(0, encodeExtensions(extensions))]),
  );
  return derSequence(signed, algorithm, derBitString(signDer(signer, signed)));
}

/** A good v2 list of `issuer` with no entries. Intel's lists all have number 1. */
export function describeCrl(issuer: IssuedCertificate, thisUpdate: Date, nextUpdate: Date): CrlDescription {
  return {
    version: 2,
    signatureAlgorithm: ECDSA_WITH_SHA256,
    issuer: issuer.subject,
    thisUpdate,
    nextUpdate,
    revoked: [],
    extensions: [
      { oid: '2.5.29.20', critical: false, value: derInteger(1) },
      authorityKeyIdentifier(keyIdentifier(issuer.key)),
    ],
    signer: issuer.key,
  };
}

/** An entry as Intel writes it, with reason key compromise. */
export function revokedEntry(serial: Uint8Array, date: Date): RevokedEntry {
  return { serial, date, extensions: [{ oid: '2.5.29.21', critical: false, value: derEnumerated(1) }] };
}

function encodeEntry({ serial, date, extensions }: RevokedEntry): Uint8Array {
  return derSequence(
    derUnsigned(serial),
    derTime(date),
    ...(extensions.length === 0 ? [] : [encodeExtensions(extensions)]),
  );
}
