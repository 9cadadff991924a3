/**
 * Certificate revocation lists: version 2, complete and direct (RFC 5280, section 5).
 *
 * A list that cannot be read, or that is not exactly of this kind, is a refusal: whoever serves the
 * list could otherwise hide a revocation. Delta and indirect lists are not complete and are refused.
 *
 * @module
 */
import { sameBytes } from '@vitrine/documents/evidence';
import { hexOf } from '#crypto';
import { type DerElement, finish, openDer, readDer, Tag, take, takeAny, takeIf } from '../asn1/der.ts';
import { derMilliseconds, derSmallInteger, derTime, startOfUnsigned } from '../asn1/values.ts';
import { type SignatureAlgorithm, verifyEndorsedSignature } from '../platform/endorsed-signature.ts';
import { refuse } from '../refusal.ts';
import { allows, type Certificate } from './certificate.ts';
import { type Name, readName } from './name.ts';
import { type CertificateProfile, INTEL_PROFILE } from './profile.ts';
import { readExtensions, readSameAlgorithm, readSigned, refuseUnknownCritical } from './signed.ts';

export interface RevocationList {
  readonly signed: Uint8Array<ArrayBuffer>;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array<ArrayBuffer>;
  readonly issuer: Name;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** Serial numbers as {@link Certificate.serial} writes them. */
  readonly revoked: ReadonlySet<string>;
}

const DELTA_INDICATOR = '2.5.29.27';
const ISSUING_DISTRIBUTION_POINT = '2.5.29.28';
const CERTIFICATE_ISSUER = '2.5.29.29';
const REASON_CODE = '2.5.29.21';
/** CRLReason removeFromCRL, which only a delta list may say. */
const REMOVE_FROM_CRL = 8;

/** Real lists have 0.3 to 4 kB; this bounds the work on a hostile one. */
const MAX_CRL_BYTES = 1_000_000;

/**
 * Reads exactly one list; `what` names it in refusals.
 *
 * @throws RefusalError
 */
export function parseRevocationList(
  der: Uint8Array<ArrayBuffer>,
  what: string,
  { signatures }: Pick<CertificateProfile, 'signatures'> = INTEL_PROFILE,
): RevocationList {
  if (der.length > MAX_CRL_BYTES) refuse(`${what}: longer than ${MAX_CRL_BYTES} bytes`);
  const envelope = readSigned(der, signatures, what);
  const { signed, body, signatureAlgorithm, signature } = envelope;
  const version = takeIf(body, Tag.integer);
  if (version === undefined || derSmallInteger(version, 255, what) !== 1) refuse(`${what}: not a version 2 list`);
  readSameAlgorithm(envelope, what);
  const issuer = readName(take(body, Tag.sequence, `${what} issuer`), `${what} issuer`);
  const [thisUpdate, nextUpdate] = ['this update', 'next update'].map((name) => {
    const time = takeIf(body, Tag.utcTime, Tag.generalizedTime);
    return time === undefined ? refuse(`${what}: no ${name}`) : derTime(time, `${what} ${name}`);
  }) as [Date, Date];
  const entries = takeIf(body, Tag.sequence);
  const explicit = openDer(take(body, Tag.explicit0, `${what} extensions`), what);
  const extensions = readExtensions(take(explicit, Tag.sequence, what), what);
  finish(explicit);
  finish(body);
  for (const [id, kind] of [
    [DELTA_INDICATOR, 'delta'],
    [ISSUING_DISTRIBUTION_POINT, 'partial or indirect'],
  ] as const) {
    if (extensions.has(id)) refuse(`${what}: a ${kind} list is not a complete one`);
  }
  refuseUnknownCritical(extensions, [], what);
  const revoked = readEntries(entries, what);
  return { signed, signatureAlgorithm, signature, issuer, thisUpdate, nextUpdate, revoked };
}

/**
 * Demands that `issuer` issued and signed the list and that it is in force at `now`. The issuer's
 * own certificate must have been authenticated before.
 *
 * @throws RefusalError
 */
export async function authenticateRevocationList(
  list: RevocationList,
  issuer: Certificate,
  now: Date,
  what: string,
): Promise<void> {
  if (!sameBytes(list.issuer.der, issuer.subject.der)) {
    refuse(`${what} is of another issuer`, { expected: issuer.subject.text, actual: list.issuer.text });
  }
  if (!allows(issuer, 'cRLSign')) refuse(`${what}: its issuer may not sign revocation lists`);
  if (!(await verifyEndorsedSignature(issuer.publicKey, list.signed, list.signature, list.signatureAlgorithm))) {
    refuse(`${what}: its signature is not of ${issuer.subject.commonName}`);
  }
  if (!(list.thisUpdate <= now && now <= list.nextUpdate)) {
    refuse(`${what} is stale or not yet in force: fetch fresh endorsements`, {
      expected: `${list.thisUpdate.toISOString()} to ${list.nextUpdate.toISOString()}`,
      actual: now.toISOString(),
    });
  }
}

function readEntries(entries: DerElement | undefined, what: string): ReadonlySet<string> {
  if (entries === undefined) return new Set();
  const cursor = openDer(entries, what);
  const { bytes, offset: start } = cursor;
  if (start === cursor.end) refuse(`${what}: empty list of revoked certificates written out`);
  // Written out once for all serial numbers, which are parts of it.
  const hex = hexOf(bytes.subarray(start, cursor.end));
  const serials = new Set<string>();
  const [serialName, dateName] = [`${what} serial number`, `${what} revocation date`];
  let before: DerElement | undefined;
  for (let element = takeAny(cursor); element !== undefined; element = takeAny(cursor)) {
    if (element.tag !== Tag.sequence) refuse(`${what}: malformed entry`);
    const entry = openDer(element, what);
    const serial = take(entry, Tag.integer, serialName);
    const digits = startOfUnsigned(serial, serialName);
    const time = takeIf(entry, Tag.utcTime, Tag.generalizedTime);
    if (time === undefined) return refuse(`${what}: entry without a revocation date`);
    derMilliseconds(time, dateName);
    const extensions = takeIf(entry, Tag.sequence);
    finish(entry);
    if (extensions !== undefined) {
      // Nearly all entries give the same reason, and what was acceptable before is so again.
      if (before === undefined || !isSameDer(before, extensions)) readEntryExtensions(extensions, what);
      before = extensions;
    }
    serials.add(hex.slice(2 * (digits - start), 2 * (serial.end - start)));
  }
  return serials;
}

function isSameDer(left: DerElement, right: DerElement): boolean {
  const length = left.end - left.start;
  if (length !== right.end - right.start) return false;
  for (let index = 0; index < length; index++) {
    if (left.bytes[left.start + index] !== right.bytes[right.start + index]) return false;
  }
  return true;
}

function readEntryExtensions(element: DerElement, what: string): void {
  const extensions = readExtensions(element, what);
  if (extensions.has(CERTIFICATE_ISSUER)) refuse(`${what}: entries of other issuers are not supported`);
  refuseUnknownCritical(extensions, [], what);
  const reason = extensions.get(REASON_CODE);
  if (reason === undefined) return;
  const code = derSmallInteger(readDer(reason.value, Tag.enumerated, `${what} reason`), 10, `${what} reason`);
  if (code === REMOVE_FROM_CRL) refuse(`${what}: an entry to remove in a complete list`);
}
