/**
 * X.509 version 3 certificates (RFC 5280) of the forms that a profile admits. Parsing says what is
 * written; whether to believe it is decided in `chain.ts`.
 *
 * @module
 */
import { toHex } from '@vitrine/documents/evidence';
import { type DerElement, finish, openDer, readDer, Tag, take, takeIf, takeSequence } from '../asn1/der.ts';
import { derBoolean, derNamedBits, derSmallInteger, derTime, derUnsigned } from '../asn1/values.ts';
import type { SignatureAlgorithm } from '../platform/endorsed-signature.ts';
import { refuse } from '../refusal.ts';
import { readPublicKey } from './algorithms.ts';
import { type Name, readName } from './name.ts';
import { type CertificateProfile, INTEL_PROFILE, type KeyAlgorithm } from './profile.ts';
import { type Extension, readExtensions, readSameAlgorithm, readSigned, refuseUnknownCritical } from './signed.ts';

export interface Certificate {
  readonly der: Uint8Array<ArrayBuffer>;
  /** The lines that encode it, where it came in PEM. */
  readonly lines?: string;
  readonly signed: Uint8Array<ArrayBuffer>;
  readonly signatureAlgorithm: SignatureAlgorithm;
  /** Over `signed`: 64 or 96 bytes r ‖ s, or the bytes of an RSA signature. */
  readonly signature: Uint8Array<ArrayBuffer>;
  /** Lower-case hexadecimal without sign byte. */
  readonly serial: string;
  readonly issuer: Name;
  readonly subject: Name;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly keyAlgorithm: KeyAlgorithm;
  /** 64 or 96 bytes x ‖ y; for RSA the DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly isAuthority: boolean;
  /** How many authorities may stand below this one; `undefined` when not limited. */
  readonly pathLength: number | undefined;
  /** Empty where the certificate has no such extension, which {@link allows} reads as "no restriction". */
  readonly keyUsage: ReadonlySet<KeyUsage>;
  readonly extensions: ReadonlyMap<string, Extension>;
}

type KeyUsage = (typeof KEY_USAGES)[number];

const BASIC_CONSTRAINTS = '2.5.29.19';
const KEY_USAGE = '2.5.29.15';

/** Bits of KeyUsage in order (RFC 5280, 4.2.1.3). */
const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;

/** RFC 5280, 4.1.2.2. */
const MAX_SERIAL_BYTES = 20;

/**
 * Reads exactly one certificate; `what` names it in refusals.
 *
 * @throws RefusalError
 */
export function parseCertificate(
  der: Uint8Array<ArrayBuffer>,
  what: string,
  profile: CertificateProfile = INTEL_PROFILE,
): Certificate {
  if (der.length > profile.maxBytes) refuse(`${what}: longer than ${profile.maxBytes} bytes`);
  const envelope = readSigned(der, profile.signatures, what);
  const { signed, body, signatureAlgorithm, signature } = envelope;
  const version = openDer(take(body, Tag.explicit0, `${what} version`), what);
  if (derSmallInteger(take(version, Tag.integer, what), 255, what) !== 2) refuse(`${what}: not X.509 version 3`);
  finish(version);
  const serial = readSerial(take(body, Tag.integer, `${what} serial number`), profile, `${what} serial number`);
  readSameAlgorithm(envelope, what);
  const issuer = readName(take(body, Tag.sequence, `${what} issuer`), `${what} issuer`);
  const validity = takeSequence(body, `${what} validity`);
  const [notBefore, notAfter] = [readTime(validity, what), readTime(validity, what)];
  finish(validity);
  const subject = readName(take(body, Tag.sequence, `${what} subject`), `${what} subject`);
  const key = readPublicKey(take(body, Tag.sequence, `${what} public key`).der, profile.keys, what);
  const explicit = openDer(take(body, Tag.explicit3, `${what} extensions`), what);
  const extensions = readExtensions(take(explicit, Tag.sequence, what), what);
  finish(explicit);
  finish(body);
  refuseUnknownCritical(extensions, [BASIC_CONSTRAINTS, KEY_USAGE, ...profile.critical], what);
  return {
    der,
    signed,
    signatureAlgorithm,
    signature,
    serial,
    issuer,
    subject,
    notBefore,
    notAfter,
    ...key,
    ...readBasicConstraints(extensions, profile, what),
    keyUsage: readKeyUsage(extensions, profile, what),
    extensions,
  };
}

/** Whether the key of `certificate` may be used for `usage`. */
export function allows(certificate: Certificate, usage: KeyUsage): boolean {
  return certificate.keyUsage.has(usage) || !certificate.extensions.has(KEY_USAGE);
}

function readSerial(element: DerElement, profile: CertificateProfile, what: string): string {
  const serial = derUnsigned(element, what);
  if (serial.length > MAX_SERIAL_BYTES) refuse(`${what} longer than ${MAX_SERIAL_BYTES} bytes`);
  if (profile.serialNumber === 'positive' && serial[0] === 0) refuse(`${what} is zero`);
  return toHex(serial);
}

function readTime(validity: ReturnType<typeof openDer>, what: string): Date {
  const time = takeIf(validity, Tag.utcTime, Tag.generalizedTime);
  return time === undefined ? refuse(`${what}: malformed validity`) : derTime(time, `${what} validity`);
}

function readBasicConstraints(
  extensions: ReadonlyMap<string, Extension>,
  { required }: CertificateProfile,
  what: string,
): Pick<Certificate, 'isAuthority' | 'pathLength'> {
  const extension = extensions.get(BASIC_CONSTRAINTS);
  if (extension === undefined) {
    if (required.includes('basicConstraints')) refuse(`${what}: no basic constraints`);
    return { isAuthority: false, pathLength: undefined };
  }
  const name = `${what} basic constraints`;
  const cursor = openDer(readDer(extension.value, Tag.sequence, name), name);
  const flag = takeIf(cursor, Tag.boolean);
  const isAuthority = flag !== undefined && derBoolean(flag, name);
  if (flag !== undefined && !isAuthority) refuse(`${name}: default value written out`);
  const length = takeIf(cursor, Tag.integer);
  finish(cursor);
  if (length !== undefined && !isAuthority) refuse(`${name}: path length without being an authority`);
  return { isAuthority, pathLength: length === undefined ? undefined : derSmallInteger(length, 255, name) };
}

function readKeyUsage(
  extensions: ReadonlyMap<string, Extension>,
  { required, trailingBits }: CertificateProfile,
  what: string,
): ReadonlySet<KeyUsage> {
  const extension = extensions.get(KEY_USAGE);
  if (extension === undefined) return required.includes('keyUsage') ? refuse(`${what}: no key usage`) : new Set();
  const name = `${what} key usage`;
  const bits = derNamedBits(readDer(extension.value, Tag.bitString, name), name, trailingBits);
  return new Set(bits.map((bit) => KEY_USAGES[bit] ?? refuse(`${name}: unknown bit ${bit}`)));
}
