/**
 * What certificates and CRLs share: the signed envelope and the extension list (RFC 5280, 4.1 and
 * 5.1). The algorithm named inside the signed part must be the one named outside.
 *
 * @module
 */
import { type DerCursor, type DerElement, finish, openDer, readDer, Tag, take, takeAny, takeIf } from '../asn1/der.ts';
import { derBoolean, derBytesOfBitString, derObjectIdentifier } from '../asn1/values.ts';
import type { SignatureAlgorithm } from '../platform/endorsed-signature.ts';
import { refuse } from '../refusal.ts';
import { readAlgorithm, readSignature } from './algorithms.ts';

export interface SignedEnvelope {
  /** The bytes that are signed. */
  readonly signed: Uint8Array<ArrayBuffer>;
  readonly body: DerCursor;
  readonly signatureAlgorithm: SignatureAlgorithm;
  /** r ‖ s, or the bytes of an RSA signature. */
  readonly signature: Uint8Array<ArrayBuffer>;
}

export interface Extension {
  readonly critical: boolean;
  readonly value: Uint8Array<ArrayBuffer>;
}

/** Opens `SEQUENCE { body, algorithm, signature }`, which must be all of `der`. */
export function readSigned(
  der: Uint8Array<ArrayBuffer>,
  accepted: readonly SignatureAlgorithm[],
  what: string,
): SignedEnvelope {
  const outer = openDer(readDer(der, Tag.sequence, what), what);
  const body = take(outer, Tag.sequence, `${what} body`);
  const signatureAlgorithm = readAlgorithm(outer, accepted, what);
  const bits = derBytesOfBitString(take(outer, Tag.bitString, `${what} signature`), `${what} signature`);
  finish(outer);
  const signature = readSignature(bits, signatureAlgorithm, `${what} signature`);
  return { signed: body.der, body: openDer(body, what), signatureAlgorithm, signature };
}

/** Demands that the signed part names the algorithm of its envelope next. */
export function readSameAlgorithm({ body, signatureAlgorithm }: SignedEnvelope, what: string): void {
  readAlgorithm(body, [signatureAlgorithm], what);
}

/** Extensions by OID. An extension must not occur twice, and a default FALSE must not be written. */
export function readExtensions(element: DerElement, what: string): ReadonlyMap<string, Extension> {
  const extensions = new Map<string, Extension>();
  const entries = openDer(element, what);
  for (let entry = takeAny(entries); entry !== undefined; entry = takeAny(entries)) {
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
