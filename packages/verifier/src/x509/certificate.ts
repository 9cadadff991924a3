/**
 * Certificates of Intel's provisioning PKI: X.509 version 3, P-256 keys, ECDSA with SHA-256
 * (RFC 5280). Parsing says what is written; whether to believe it is decided in `chain.ts`.
 *
 * @module
 */
import { sameBytes, toHex } from '@vitrine/documents';
import { finish, openDer, readDer, Tag, take, takeIf, takeSequence } from '../asn1/der.ts';
import { derBoolean, derNamedBits, derSmallInteger, derTime, derUnsigned } from '../asn1/values.ts';
import { refuse } from '../refusal.ts';
import { type Name, readName } from './name.ts';
import { type Extension, readAlgorithm, readExtensions, readSigned, refuseUnknownCritical } from './signed.ts';

export interface Certificate {
  readonly der: Uint8Array<ArrayBuffer>;
  readonly signed: Uint8Array<ArrayBuffer>;
  /** 64 bytes r ‖ s over `signed`. */
  readonly signature: Uint8Array<ArrayBuffer>;
  /** Lower-case hexadecimal without sign byte. */
  readonly serial: string;
  readonly issuer: Name;
  readonly subject: Name;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** 64 bytes x ‖ y on P-256. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly isAuthority: boolean;
  /** How many authorities may stand below this one; `undefined` when not limited. */
  readonly pathLength: number | undefined;
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

/** SubjectPublicKeyInfo of an uncompressed point on P-256, up to the coordinates (RFC 5480). */
const P256_SPKI_HEAD = Uint8Array.from([
  0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
  0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
]);

/** Real certificates of this PKI have 0.6 to 1.3 kB. */
const MAX_CERTIFICATE_BYTES = 10_000;

/** RFC 5280, 4.1.2.2. */
const MAX_SERIAL_BYTES = 20;

/**
 * Reads exactly one certificate; `what` names it in refusals.
 *
 * @throws RefusalError
 */
export function parseCertificate(der: Uint8Array<ArrayBuffer>, what: string): Certificate {
  if (der.length > MAX_CERTIFICATE_BYTES) refuse(`${what}: longer than ${MAX_CERTIFICATE_BYTES} bytes`);
  const { signed, body, signature } = readSigned(der, what);
  const version = openDer(take(body, Tag.explicit0, `${what} version`), what);
  if (derSmallInteger(take(version, Tag.integer, what), 255, what) !== 2) refuse(`${what}: not X.509 version 3`);
  finish(version);
  const serial = derUnsigned(take(body, Tag.integer, `${what} serial number`), `${what} serial number`);
  if (serial.length > MAX_SERIAL_BYTES) refuse(`${what}: serial number longer than ${MAX_SERIAL_BYTES} bytes`);
  readAlgorithm(body, what);
  const issuer = readName(take(body, Tag.sequence, `${what} issuer`), `${what} issuer`);
  const validity = takeSequence(body, `${what} validity`);
  const [notBefore, notAfter] = [readTime(validity, what), readTime(validity, what)];
  finish(validity);
  const subject = readName(take(body, Tag.sequence, `${what} subject`), `${what} subject`);
  const publicKey = readPublicKey(take(body, Tag.sequence, `${what} public key`).der, what);
  const explicit = openDer(take(body, Tag.explicit3, `${what} extensions`), what);
  const extensions = readExtensions(take(explicit, Tag.sequence, what), what);
  finish(explicit);
  finish(body);
  refuseUnknownCritical(extensions, [BASIC_CONSTRAINTS, KEY_USAGE], what);
  return {
    der,
    signed,
    signature,
    serial: toHex(serial),
    issuer,
    subject,
    notBefore,
    notAfter,
    publicKey,
    ...readBasicConstraints(extensions, what),
    keyUsage: readKeyUsage(extensions, what),
    extensions,
  };
}

function readTime(validity: ReturnType<typeof openDer>, what: string): Date {
  const time = takeIf(validity, Tag.utcTime, Tag.generalizedTime);
  return time === undefined ? refuse(`${what}: malformed validity`) : derTime(time, `${what} validity`);
}

function readPublicKey(spki: Uint8Array<ArrayBuffer>, what: string): Uint8Array<ArrayBuffer> {
  const head = spki.subarray(0, P256_SPKI_HEAD.length);
  if (spki.length !== P256_SPKI_HEAD.length + 64 || !sameBytes(head, P256_SPKI_HEAD)) {
    refuse(`${what}: public key is not an uncompressed P-256 point`);
  }
  return spki.subarray(P256_SPKI_HEAD.length);
}

function readBasicConstraints(
  extensions: ReadonlyMap<string, Extension>,
  what: string,
): Pick<Certificate, 'isAuthority' | 'pathLength'> {
  const extension = extensions.get(BASIC_CONSTRAINTS);
  if (extension === undefined) return refuse(`${what}: no basic constraints`);
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

function readKeyUsage(extensions: ReadonlyMap<string, Extension>, what: string): ReadonlySet<KeyUsage> {
  const extension = extensions.get(KEY_USAGE);
  if (extension === undefined) return refuse(`${what}: no key usage`);
  const name = `${what} key usage`;
  const bits = derNamedBits(readDer(extension.value, Tag.bitString, name), name);
  return new Set(bits.map((bit) => KEY_USAGES[bit] ?? refuse(`${name}: unknown bit ${bit}`)));
}
