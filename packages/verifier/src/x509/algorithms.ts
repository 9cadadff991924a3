/**
 * Algorithm identifiers of keys and signatures, each in exactly the encodings that vendors use, and
 * the values that belong to them.
 *
 * ECDSA: RFC 5758, 3.2, without parameters. RSASSA-PSS: RFC 4055, 3.1, with SHA-384, MGF1 with
 * SHA-384 and a salt of 48 bytes. There the digests' NULL may be absent (2.1) and the trailer field
 * may be written though it has its default value; AMD's certificates have both spellings. All eight
 * mean the same. PKCS #1 v1.5: RFC 4055, 5.
 *
 * @module
 */
import { fromHex, sameBytes, toHex } from '@vitrine/documents/evidence';
import { type DerCursor, type DerElement, finish, openDer, readDer, Tag, take } from '../asn1/der.ts';
import { keep, recall, type Seen } from '../asn1/seen.ts';
import { derUnsigned } from '../asn1/values.ts';
import type { SignatureAlgorithm } from '../platform/endorsed-signature.ts';
import { P384_SPKI_HEAD } from '../platform/p384.ts';
import { rsaModulus } from '../platform/rsa.ts';
import { refuse } from '../refusal.ts';
import type { KeyAlgorithm } from './profile.ts';

const SHA384 = '0609608648016503040202';
const MGF1 = '06092a864886f70d010108';
const RSASSA_PSS = '06092a864886f70d01010a';
const NULL = '0500';

/** Hexadecimal DER of an AlgorithmIdentifier to its meaning. */
const SIGNATURES: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  ['300a06082a8648ce3d040302', 'ecdsa-p256-sha256'],
  ['300a06082a8648ce3d040303', 'ecdsa-p384-sha384'],
  ['300d06092a864886f70d01010b0500', 'rsa-pkcs1-sha256'],
  ...pssSpellings().map((der) => [der, 'rsa-pss-sha384'] as const),
]);

/** What people read for an algorithm. */
const NAMES: Readonly<Record<SignatureAlgorithm, string>> = {
  'ecdsa-p256-sha256': 'ecdsa-with-SHA256',
  'ecdsa-p384-sha384': 'ecdsa-with-SHA384',
  'rsa-pss-sha384': 'RSASSA-PSS with SHA-384',
  'rsa-pkcs1-sha256': 'sha256WithRSAEncryption',
};

/** Bytes of r and of s; a signature by RSA is as long as the modulus, which the verifier checks. */
const SCALAR_BYTES: Readonly<Partial<Record<SignatureAlgorithm, number>>> = {
  'ecdsa-p256-sha256': 32,
  'ecdsa-p384-sha384': 48,
};

/** SubjectPublicKeyInfo of an uncompressed point on P-256, up to the coordinates (RFC 5480). */
const P256_SPKI_HEAD = Uint8Array.from([
  0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
  0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
]);

const KEY_NAMES: Readonly<Record<KeyAlgorithm, string>> = {
  p256: 'uncompressed P-256 point',
  p384: 'uncompressed P-384 point',
  rsa: 'RSA key of 2048 to 4096 bits with exponent 65537',
};

export interface PublicKey {
  readonly keyAlgorithm: KeyAlgorithm;
  /** 64 or 96 bytes x ‖ y; for RSA the DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
}

/** Takes the next element, which must be the AlgorithmIdentifier of one of `accepted`. */
export function readAlgorithm(
  cursor: DerCursor,
  accepted: readonly SignatureAlgorithm[],
  what: string,
): SignatureAlgorithm {
  const element = take(cursor, Tag.sequence, `${what} signature algorithm`);
  const algorithm = recall(algorithms, element) ?? algorithmOf(element);
  if (algorithm !== undefined && accepted.includes(algorithm)) return algorithm;
  return refuse(`${what}: signature algorithm is not supported`, {
    expected: accepted.map((one) => NAMES[one]).join(' or '),
    actual: algorithm === undefined ? `AlgorithmIdentifier ${toHex(element.der).slice(0, 64)}` : NAMES[algorithm],
  });
}

const algorithms: Seen<SignatureAlgorithm> = new Map();

function algorithmOf(element: DerElement): SignatureAlgorithm | undefined {
  const algorithm = SIGNATURES.get(toHex(element.der));
  return algorithm === undefined ? undefined : keep(algorithms, element, algorithm);
}

/** The bytes that verifiers take, from the content of a BIT STRING: r ‖ s instead of ECDSA-Sig-Value (RFC 3279, 2.2.3). */
export function readSignature(
  content: Uint8Array<ArrayBuffer>,
  algorithm: SignatureAlgorithm,
  what: string,
): Uint8Array<ArrayBuffer> {
  const length = SCALAR_BYTES[algorithm];
  if (length === undefined) return content;
  const pair = openDer(readDer(content, Tag.sequence, what), what);
  const signature = new Uint8Array(2 * length);
  for (const end of [length, 2 * length]) {
    const digits = derUnsigned(take(pair, Tag.integer, what), what);
    if (digits.length > length) refuse(`${what}: value longer than ${length} bytes`);
    signature.set(digits, end - digits.length);
  }
  finish(pair);
  return signature;
}

/** Reads a SubjectPublicKeyInfo of one of the `accepted` kinds. */
export function readPublicKey(
  spki: Uint8Array<ArrayBuffer>,
  accepted: readonly KeyAlgorithm[],
  what: string,
): PublicKey {
  for (const keyAlgorithm of accepted) {
    const publicKey = keyOf(spki, keyAlgorithm);
    if (publicKey !== undefined) return { keyAlgorithm, publicKey };
  }
  return refuse(`${what}: public key is not an ${accepted.map((one) => KEY_NAMES[one]).join(' or an ')}`);
}

function keyOf(spki: Uint8Array<ArrayBuffer>, algorithm: KeyAlgorithm): Uint8Array<ArrayBuffer> | undefined {
  if (algorithm === 'rsa') return rsaModulus(spki) === undefined ? undefined : spki;
  const [head, length] = algorithm === 'p256' ? [P256_SPKI_HEAD, 64] : [P384_SPKI_HEAD, 96];
  const same = spki.length === head.length + length && sameBytes(spki.subarray(0, head.length), head);
  return same ? spki.subarray(head.length) : undefined;
}

function pssSpellings(): readonly string[] {
  const digests = [der('30', SHA384, NULL), der('30', SHA384)];
  return digests.flatMap((digest) =>
    digests.flatMap((inMask) =>
      ['', 'a303020101'].map((trailer) =>
        der('30', RSASSA_PSS, der('30', der('a0', digest), der('a1', der('30', MGF1, inMask)), 'a203020130', trailer)),
      ),
    ),
  );
}

/** One element with a length below 128, in hexadecimal. */
function der(tag: string, ...content: readonly string[]): string {
  const bytes = fromHex(content.join('')) ?? refuse('malformed constant');
  return tag + bytes.length.toString(16).padStart(2, '0') + toHex(bytes);
}
