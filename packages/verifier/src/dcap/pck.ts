/**
 * What Intel certifies about a platform: the SGX extension 1.2.840.113741.1.13.1 of a PCK
 * certificate (Intel SGX PCK Certificate and CRL Profile Specification, section 3.5).
 *
 * @module
 */
import { toHex } from '@vitrine/documents/evidence';
import {
  type DerCursor,
  type DerElement,
  finish,
  openDer,
  readDer,
  Tag,
  take,
  takeAny,
  takeOneOf,
} from '../asn1/der.ts';
import { derBoolean, derObjectIdentifier, derSmallInteger } from '../asn1/values.ts';
import { refuse } from '../refusal.ts';
import type { Certificate } from '../x509/certificate.ts';

/** Identifiers are lower-case hexadecimal. */
export interface PckClaims {
  /** Platform provisioning id: one machine. 16 bytes. */
  readonly ppid: string;
  /** SVN of each of the 16 CPUSVN components that the certificate was issued for. */
  readonly components: readonly number[];
  readonly pceSvn: number;
  readonly pceId: string;
  readonly fmspc: string;
  /** Only in certificates of the Platform CA: one machine as it was set up. 16 bytes. */
  readonly platformInstanceId: string | undefined;
}

const SGX_EXTENSION = '1.2.840.113741.1.13.1';
const PPID = `${SGX_EXTENSION}.1`;
const TCB = `${SGX_EXTENSION}.2`;
const PCE_ID = `${SGX_EXTENSION}.3`;
const FMSPC = `${SGX_EXTENSION}.4`;
const SGX_TYPE = `${SGX_EXTENSION}.5`;
const PLATFORM_INSTANCE_ID = `${SGX_EXTENSION}.6`;
const CONFIGURATION = `${SGX_EXTENSION}.7`;

const COMPONENTS = 16;
const COMPONENT_PARTS = Array.from({ length: COMPONENTS }, (_, index) => ({
  id: `${TCB}.${index + 1}`,
  name: `SGX extension TCB component ${index + 1}`,
}));
const PCE_SVN = `${TCB}.17`;
const CPU_SVN = `${TCB}.18`;

/**
 * Reads the SGX extension of a PCK leaf certificate.
 *
 * @throws RefusalError for a missing, repeated, unknown or mistyped part.
 */
export function parsePckClaims(leaf: Certificate): PckClaims {
  const extension = leaf.extensions.get(SGX_EXTENSION);
  if (extension === undefined) return refuse('PCK certificate: no SGX extension');
  const what = 'SGX extension';
  const parts = readParts(openDer(readDer(extension.value, Tag.sequence, what), what));
  for (const id of parts.keys()) {
    if (!KNOWN.includes(id)) refuse(`${what}: unknown part`, { actual: id });
  }
  derSmallInteger(part(parts, SGX_TYPE, Tag.enumerated), 2, `${what} SGX type`);
  const configuration = parts.get(CONFIGURATION);
  if (configuration !== undefined) checkConfiguration(configuration);
  return {
    ppid: octets(parts, PPID, 16),
    ...readTcb(part(parts, TCB, Tag.sequence)),
    pceId: octets(parts, PCE_ID, 2),
    fmspc: octets(parts, FMSPC, 6),
    platformInstanceId: parts.has(PLATFORM_INSTANCE_ID) ? octets(parts, PLATFORM_INSTANCE_ID, 16) : undefined,
  };
}

const KNOWN: readonly string[] = [PPID, TCB, PCE_ID, FMSPC, SGX_TYPE, PLATFORM_INSTANCE_ID, CONFIGURATION];

type Parts = ReadonlyMap<string, DerElement>;

const VALUES: readonly number[] = [Tag.integer, Tag.octetString, Tag.enumerated, Tag.sequence, Tag.boolean];

/** `SEQUENCE OF SEQUENCE { OBJECT IDENTIFIER, value }`, no identifier twice. */
function readParts(cursor: DerCursor): Parts {
  const parts = new Map<string, DerElement>();
  for (let entry = takeAny(cursor); entry !== undefined; entry = takeAny(cursor)) {
    if (entry.tag !== Tag.sequence) refuse(`${cursor.what}: malformed part`);
    const pair = openDer(entry, cursor.what);
    const id = derObjectIdentifier(take(pair, Tag.objectIdentifier, cursor.what), cursor.what);
    const value = takeOneOf(pair, VALUES);
    finish(pair);
    if (value === undefined) return refuse(`${cursor.what}: part ${id} has no value`);
    if (parts.has(id)) refuse(`${cursor.what}: part ${id} twice`);
    parts.set(id, value);
  }
  return parts;
}

function readTcb(element: DerElement): Pick<PckClaims, 'components' | 'pceSvn'> {
  const what = 'SGX extension TCB';
  const parts = readParts(openDer(element, what));
  const components = COMPONENT_PARTS.map(({ id, name }) => derSmallInteger(part(parts, id, Tag.integer), 255, name));
  octets(parts, CPU_SVN, 16);
  if (parts.size !== COMPONENTS + 2) refuse(`${what}: ${parts.size} parts instead of ${COMPONENTS + 2}`);
  return { components, pceSvn: derSmallInteger(part(parts, PCE_SVN, Tag.integer), 0xffff, `${what} PCESVN`) };
}

/** Configuration (dynamic platform, cached keys, SMT) is a set of flags; nothing is decided by it yet. */
function checkConfiguration(element: DerElement): void {
  const what = 'SGX extension configuration';
  if (element.tag !== Tag.sequence) refuse(`${what}: wrong type`);
  const parts = readParts(openDer(element, what));
  for (const [id, value] of parts) {
    if (value.tag !== Tag.boolean) refuse(`${what}: ${id} is not a BOOLEAN`);
    derBoolean(value, `${what} ${id}`);
  }
}

function part(parts: Parts, id: string, tag: number): DerElement {
  const element = parts.get(id);
  if (element === undefined) return refuse(`SGX extension: part ${id} is missing`);
  return element.tag === tag ? element : refuse(`SGX extension: part ${id} has the wrong type`);
}

function octets(parts: Parts, id: string, length: number): string {
  const { content } = part(parts, id, Tag.octetString);
  return content.length === length
    ? toHex(content)
    : refuse(`SGX extension: part ${id} has the wrong length`, {
        expected: `${length} bytes`,
        actual: `${content.length} bytes`,
      });
}
