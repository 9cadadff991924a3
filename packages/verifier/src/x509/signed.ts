/**
 * What certificates and CRLs share: the signed envelope, its one accepted algorithm, and the
 * extension list (RFC 5280, 4.1 and 5.1).
 *
 * Everything in Intel's PKI is ECDSA on P-256 with SHA-256. Another algorithm is a refusal, and
 * the one named inside the signed part must be the one named outside.
 *
 * @module
 */
import { concatBytes, sameBytes, toHex } from '@vitrine/documents';
import { type DerCursor, type DerElement, finish, openDer, readDer, Tag, take, takeIf } from '../asn1/der.ts';
import { derBoolean, derBytesOfBitString, derObjectIdentifier, derUnsigned } from '../asn1/values.ts';
import { refuse } from '../refusal.ts';

/** AlgorithmIdentifier ecdsa-with-SHA256 without parameters (RFC 5758, 3.2). */
const ECDSA_WITH_SHA256 = Uint8Array.from([0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]);

export interface SignedEnvelope {
  /** The bytes that are signed. */
  readonly signed: Uint8Array<ArrayBuffer>;
  readonly body: DerCursor;
  /** 64 bytes r ‖ s. */
  readonly signature: Uint8Array<ArrayBuffer>;
}

export interface Extension {
  readonly critical: boolean;
  readonly value: Uint8Array<ArrayBuffer>;
}

/** Opens `SEQUENCE { body, algorithm, signature }`, which must be all of `der`. */
export function readSigned(der: Uint8Array<ArrayBuffer>, what: string): SignedEnvelope {
  const outer = openDer(readDer(der, Tag.sequence, what), what);
  const body = take(outer, Tag.sequence, `${what} body`);
  readAlgorithm(outer, what);
  const signature = derBytesOfBitString(take(outer, Tag.bitString, `${what} signature`), `${what} signature`);
  finish(outer);
  return { signed: body.der, body: openDer(body, what), signature: readSignature(signature, `${what} signature`) };
}

/** Demands that the next element is the AlgorithmIdentifier ecdsa-with-SHA256. */
export function readAlgorithm(cursor: DerCursor, what: string): void {
  const found = take(cursor, Tag.sequence, `${what} signature algorithm`);
  if (sameBytes(found.der, ECDSA_WITH_SHA256)) return;
  refuse(`${what}: signature algorithm is not supported`, {
    expected: 'ecdsa-with-SHA256',
    actual: `AlgorithmIdentifier ${toHex(found.der.subarray(0, 32))}`,
  });
}

/** Extensions by OID. An extension must not occur twice, and a default FALSE must not be written. */
export function readExtensions(element: DerElement, what: string): ReadonlyMap<string, Extension> {
  const extensions = new Map<string, Extension>();
  for (const entry of openDer(element, what).elements) {
    if (entry.tag !== Tag.sequence) refuse(`${what}: malformed extension`);
    const cursor = openDer(entry, what);
    const id = derObjectIdentifier(take(cursor, Tag.objectIdentifier, what), what);
    const flag = takeIf(cursor, Tag.boolean);
    const critical = flag !== undefined && derBoolean(flag, what);
    if (flag !== undefined && !critical) refuse(`${what}: default value written out in extension ${id}`);
    const value = take(cursor, Tag.octetString, what).content;
    finish(cursor);
    if (extensions.has(id)) refuse(`${what}: extension ${id} twice`);
    extensions.set(id, { critical, value });
  }
  if (extensions.size === 0) refuse(`${what}: empty list of extensions`);
  return extensions;
}

/** Refuses extensions that are marked critical and not in `understood`. */
export function refuseUnknownCritical(
  extensions: ReadonlyMap<string, Extension>,
  understood: readonly string[],
  what: string,
): void {
  for (const [id, extension] of extensions) {
    if (extension.critical && !understood.includes(id)) refuse(`${what}: unknown critical extension`, { actual: id });
  }
}

/** ECDSA-Sig-Value (RFC 3279, 2.2.3) as 64 bytes r ‖ s. */
function readSignature(der: Uint8Array<ArrayBuffer>, what: string): Uint8Array<ArrayBuffer> {
  const pair = openDer(readDer(der, Tag.sequence, what), what);
  const r = readScalar(pair, what);
  const s = readScalar(pair, what);
  finish(pair);
  return concatBytes(r, s);
}

function readScalar(pair: DerCursor, what: string): Uint8Array<ArrayBuffer> {
  const digits = derUnsigned(take(pair, Tag.integer, what), what);
  if (digits.length > 32) refuse(`${what}: value longer than 32 bytes`);
  const scalar = new Uint8Array(32);
  scalar.set(digits, 32 - digits.length);
  return scalar;
}
