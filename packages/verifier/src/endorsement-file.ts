/**
 * Endorsements as people keep them in files: an endorsements document, DCAP collateral in the JSON
 * shape that is common among DCAP verifiers, certificates and revocation lists in PEM or DER.
 *
 * Nothing in them is trusted yet; only form is looked at, to know what goes where.
 *
 * @module
 */
import {
  type DcapCollateral,
  dcapCollateralShape,
  type Endorsements,
  endorsementsShape,
  fromBase64Url,
  MalformedEvidenceError,
  parseStrictJson,
  type Shape,
  showPath,
  toBase64Url,
} from '@vitrine/documents/evidence';
import { openDer, readDer, Tag } from './asn1/der.ts';
import { RefusalError } from './refusal.ts';
import type { GivenEndorsements } from './technology.ts';

/** One endorsement, of any vendor. */
export type Endorsement =
  | DcapCollateral
  | { readonly certificate: Uint8Array<ArrayBuffer> }
  | { readonly revocationList: Uint8Array<ArrayBuffer> };

const PEM_BLOCK = /-----BEGIN (CERTIFICATE|X509 CRL)-----([A-Za-z0-9+/=\s]+)-----END \1-----/g;

/**
 * Reads endorsements from the bytes of one file.
 *
 * @throws MalformedEvidenceError (check `endorsements.format`): endorsements come from elsewhere, like evidence.
 */
export function parseEndorsements(bytes: Uint8Array<ArrayBuffer>, name: string): readonly Endorsement[] {
  if (bytes[0] === 0x30) return [fromDer(bytes, name)];
  const text = utf8(bytes, name);
  if (text.trimStart().startsWith('-----BEGIN ')) return fromPem(text, name);
  let value: unknown;
  try {
    value = parseStrictJson(text);
  } catch (cause) {
    throw malformed(name, cause instanceof Error ? cause.message : 'not JSON', cause);
  }
  if (typeof value === 'object' && value !== null && 'type' in value) {
    return endorsementsOf(read(value, endorsementsShape, name), name);
  }
  return [read(value, dcapCollateralShape, name)];
}

/** The endorsements of a document, as one list. */
export function endorsementsOf(document: Endorsements, name: string): readonly Endorsement[] {
  const bytesOf = (text: string): Uint8Array<ArrayBuffer> => {
    const bytes = fromBase64Url(text);
    if (bytes === undefined) throw malformed(name, 'a value is not canonical unpadded base64url');
    return bytes;
  };
  return [
    ...(document.dcap ?? []),
    ...(document.certificates ?? []).map((text) => ({ certificate: bytesOf(text) })),
    ...(document.revocationLists ?? []).map((text) => ({ revocationList: bytesOf(text) })),
  ];
}

/** The document that holds `endorsements`; `undefined` for none. */
export function endorsementsDocument(endorsements: readonly Endorsement[]): Endorsements | undefined {
  if (endorsements.length === 0) return undefined;
  const { dcap, certificates, revocationLists } = givenEndorsements(endorsements);
  return {
    type: 'vitrine/endorsements/v1',
    ...(dcap.length === 0 ? {} : { dcap }),
    ...(certificates.length === 0 ? {} : { certificates: certificates.map(toBase64Url) }),
    ...(revocationLists.length === 0 ? {} : { revocationLists: revocationLists.map(toBase64Url) }),
  };
}

/** The same endorsements, kind by kind. */
export function givenEndorsements(endorsements: readonly Endorsement[]): GivenEndorsements {
  return {
    dcap: endorsements.filter((one) => 'tcb_info' in one),
    certificates: endorsements.flatMap((one) => ('certificate' in one ? [one.certificate] : [])),
    revocationLists: endorsements.flatMap((one) => ('revocationList' in one ? [one.revocationList] : [])),
  };
}

/** A certificate begins with an explicit version, a revocation list with a plain one (RFC 5280, 4.1 and 5.1). */
function fromDer(der: Uint8Array<ArrayBuffer>, name: string): Endorsement {
  try {
    const [body] = openDer(readDer(der, Tag.sequence, name), name).elements;
    if (body === undefined || body.tag !== Tag.sequence)
      throw malformed(name, 'neither a certificate nor a revocation list');
    const [first] = openDer(body, name).elements;
    if (first?.tag === Tag.explicit0) return { certificate: der };
    if (first?.tag === Tag.integer) return { revocationList: der };
  } catch (cause) {
    if (cause instanceof RefusalError) throw malformed(name, cause.message, cause);
    throw cause;
  }
  throw malformed(name, 'neither a certificate nor a revocation list');
}

function fromPem(text: string, name: string): readonly Endorsement[] {
  const found: Endorsement[] = [];
  const rest = text.replace(PEM_BLOCK, (_, __, body: string) => {
    found.push(fromDer(decodeBase64(body.replace(/\s+/g, ''), name), name));
    return '';
  });
  if (rest.trim() !== '') throw malformed(name, 'text beside the PEM blocks, or a block of an unknown kind');
  return found;
}

function decodeBase64(text: string, name: string): Uint8Array<ArrayBuffer> {
  const unpadded = text
    .replace(/={1,2}$/, '')
    .replaceAll('+', '-')
    .replaceAll('/', '_');
  const bytes = text.length % 4 === 0 ? fromBase64Url(unpadded) : undefined;
  if (bytes === undefined) throw malformed(name, 'a PEM block is not canonical base64');
  return bytes;
}

function utf8(bytes: Uint8Array<ArrayBuffer>, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw malformed(name, 'neither text nor DER', cause);
  }
}

function read<T>(value: unknown, shape: Shape<T>, name: string): T {
  const parsed = shape.parse(value);
  if (parsed.ok) return parsed.value;
  const issue = parsed.issues[0];
  throw malformed(name, issue === undefined ? 'malformed' : `${showPath(issue.path)} ${issue.message}`.trim());
}

function malformed(name: string, why: string, cause?: unknown): MalformedEvidenceError {
  return new MalformedEvidenceError(
    'endorsements.format',
    `${name} holds no endorsements that can be used: ${why}`,
    cause === undefined ? undefined : { cause },
  );
}
