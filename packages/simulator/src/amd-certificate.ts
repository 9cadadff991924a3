/**
 * Certificates and revocation lists as AMD makes them: signed by RSA-4096 with RSASSA-PSS, SHA-384 and a salt of
 * 48 bytes (RFC 4055), whatever the subject's key is.
 *
 * @module
 */
import { constants, sign } from 'node:crypto';
import {
  authorityKeyIdentifier,
  type CertificateExtension,
  type Der,
  type DistinguishedName,
  derBitString,
  derContext,
  derInteger,
  derOid,
  derSequence,
  derTime,
  encodeExtensions,
  encodeName,
} from '@vitrine/attester';
import type { KeyPair } from './keys.ts';

export interface AmdCertificate {
  readonly subject: DistinguishedName;
  readonly issuer: DistinguishedName;
  /** Zero for leaves, as AMD has it. */
  readonly serial: number;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly key: KeyPair;
  /** RSA. */
  readonly signer: KeyPair;
  readonly extensions: readonly CertificateExtension[];
}

const SALT_BYTES = 48;
const NULL = Uint8Array.of(5, 0);

export function issueAmdCertificate(description: AmdCertificate): Der {
  const { subject, issuer, serial, notBefore, notAfter, key, signer, extensions } = description;
  const signed = derSequence(
    derContext(0, derInteger(2)),
    derInteger(serial),
    algorithm(),
    encodeName(issuer),
    derSequence(derTime(notBefore), derTime(notAfter)),
    encodeName(subject),
    key.spki,
    derContext(3, encodeExtensions(extensions)),
  );
  return derSequence(signed, algorithm(), derBitString(signPss(signer, signed)));
}

/** A list of `issuer` with no entries, as AMD's mostly are. */
export function issueAmdList(issuer: DistinguishedName, signer: KeyPair, thisUpdate: Date, nextUpdate: Date): Der {
  const signed = derSequence(
    derInteger(1),
    algorithm(),
    encodeName(issuer),
    derTime(thisUpdate),
    derTime(nextUpdate),
    derContext(
      0,
      encodeExtensions([
        authorityKeyIdentifier(keyName(signer)),
        { oid: '2.5.29.20', critical: false, value: derInteger(1) },
      ]),
    ),
  );
  return derSequence(signed, algorithm(), derBitString(signPss(signer, signed)));
}

/** One of AMD's own extensions, below 1.3.6.1.4.1.3704.1; a text is an IA5String. */
export function amdExtension(arc: string, value: Uint8Array | string): CertificateExtension {
  const encoded =
    typeof value === 'string' ? Uint8Array.of(0x16, value.length, ...new TextEncoder().encode(value)) : value;
  return { oid: `1.3.6.1.4.1.3704.1.${arc}`, critical: false, value: encoded };
}

/** A name for a key: the end of its modulus or point. */
export function keyName(key: KeyPair): Uint8Array {
  return key.spki.slice(-25, -5);
}

/** AlgorithmIdentifier of RSASSA-PSS, in the spelling of AMD's leaves. */
function algorithm(): Der {
  const digest = derSequence(derOid('2.16.840.1.101.3.4.2.2'), NULL);
  const mask = derSequence(derOid('1.2.840.113549.1.1.8'), digest);
  const parameters = [derContext(0, digest), derContext(1, mask), derContext(2, derInteger(SALT_BYTES))];
  return derSequence(derOid('1.2.840.113549.1.1.10'), derSequence(...parameters));
}

function signPss({ privateKey }: KeyPair, bytes: Uint8Array): Uint8Array {
  return sign('sha384', bytes, { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: SALT_BYTES });
}
