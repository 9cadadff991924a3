/**
 * What a VCEK or VLEK certificate says about its machine: product, TCB version, and chip or cloud
 * provider (VCEK Certificate and KDS Interface Specification, AMD 57230, "Certificate Format").
 *
 * @module
 */
import { type DerElement, readDer, Tag } from '../asn1/der.ts';
import { derSmallInteger } from '../asn1/values.ts';
import { refuse } from '../refusal.ts';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import type { CertificateProfile } from '../x509/profile.ts';
import { SNP_PRODUCTS, type SnpProduct, tcbArcs } from './product.ts';

export interface LeafClaims {
  readonly certificate: Certificate;
  readonly kind: 'vcek' | 'vlek';
  readonly product: SnpProduct;
  /** Eight bytes, as in a report. */
  readonly tcb: Uint8Array<ArrayBuffer>;
  /** Of a VCEK: 64 bytes, on Turin 8. */
  readonly hardwareId: Uint8Array<ArrayBuffer> | undefined;
  /** Of a VLEK: the cloud provider's name for its fleet, such as `CN=cc-us-east-2.amazonaws.com`. */
  readonly providerId: string | undefined;
}

/** AMD's leaves have serial number zero and none of the usual extensions. */
const LEAF_PROFILE: CertificateProfile = {
  keys: ['p384'],
  signatures: ['rsa-pss-sha384'],
  serialNumber: 'any',
  required: [],
  trailingBits: 'zeros',
  critical: [],
  maxBytes: 4096,
};

const ARC = '1.3.6.1.4.1.3704.1';
const STRUCT_VERSION = `${ARC}.1`;
const PRODUCT_NAME = `${ARC}.2`;
const TCB_PART = `${ARC}.3.`;
const HARDWARE_ID = `${ARC}.4`;
const PROVIDER_ID = `${ARC}.5`;

/** 0 for Milan and Genoa, 1 for Turin. */
const MAX_STRUCT_VERSION = 1;
const COMMON_NAMES = { vcek: 'SEV-VCEK', vlek: 'SEV-VLEK' } as const;
const MAX_PROVIDER_CHARACTERS = 200;

/** Common name of the authority that issues such leaves. */
export function authorityName(kind: LeafClaims['kind'], product: SnpProduct): string {
  return kind === 'vcek' ? `SEV-${product}` : `SEV-VLEK-${product}`;
}

/**
 * Reads a leaf; who issued it is not asked.
 *
 * @throws RefusalError
 */
export function parseLeaf(der: Uint8Array<ArrayBuffer>): LeafClaims {
  const certificate = parseCertificate(der, 'AMD leaf certificate', LEAF_PROFILE);
  const { commonName } = certificate.subject;
  const kind = commonName === COMMON_NAMES.vcek ? 'vcek' : 'vlek';
  const what = `${kind.toUpperCase()} certificate`;
  if (commonName !== COMMON_NAMES[kind]) {
    refuse('the AMD leaf certificate is neither VCEK nor VLEK', { actual: certificate.subject.text });
  }
  derSmallInteger(
    extensionValue(certificate, STRUCT_VERSION, Tag.integer, what),
    MAX_STRUCT_VERSION,
    `${what} structVersion`,
  );
  const product = readProduct(certificate, kind, what);
  const hardwareId = certificate.extensions.get(HARDWARE_ID)?.value;
  const provider = certificate.extensions.has(PROVIDER_ID) ? readText(certificate, PROVIDER_ID, what) : undefined;
  if ((hardwareId === undefined) !== (kind === 'vlek') || (provider === undefined) !== (kind === 'vcek')) {
    refuse(
      `${what}: expected ${kind === 'vcek' ? 'a hardware id and no provider id' : 'a provider id and no hardware id'}`,
    );
  }
  const idBytes = product === 'Turin' ? 8 : 64;
  if (hardwareId !== undefined && hardwareId.length !== idBytes) {
    refuse(`${what}: malformed hardware id`, { expected: `${idBytes} bytes`, actual: `${hardwareId.length} bytes` });
  }
  return { certificate, kind, product, tcb: readTcb(certificate, product, what), hardwareId, providerId: provider };
}

/** `Milan-B0` or `Milan` in a VCEK, `Milan` in a VLEK: what follows the dash is the stepping. */
function readProduct(certificate: Certificate, kind: LeafClaims['kind'], what: string): SnpProduct {
  const name = readText(certificate, PRODUCT_NAME, what);
  const line = kind === 'vcek' ? name.replace(/-[A-Z][0-9]$/, '') : name;
  const product = SNP_PRODUCTS.find((one) => one === line);
  return product ?? refuse(`${what}: unknown product`, { expected: SNP_PRODUCTS.join(' or '), actual: name });
}

/** Every part that belongs to the product, and no other: one that is not understood would not be compared. */
function readTcb(certificate: Certificate, product: SnpProduct, what: string): Uint8Array<ArrayBuffer> {
  const arcs = tcbArcs(product);
  const known = new Set(arcs.map((arc) => `${TCB_PART}${arc}`));
  const strange = [...certificate.extensions.keys()].find((id) => id.startsWith(TCB_PART) && !known.has(id));
  if (strange !== undefined) refuse(`${what}: unknown part of the TCB version`, { actual: strange });
  return Uint8Array.from(arcs, (arc) =>
    derSmallInteger(
      extensionValue(certificate, `${TCB_PART}${arc}`, Tag.integer, what),
      255,
      `${what} TCB part ${arc}`,
    ),
  );
}

function readText(certificate: Certificate, id: string, what: string): string {
  const { content } = extensionValue(certificate, id, Tag.ia5String, what);
  const text = String.fromCharCode(...content.subarray(0, MAX_PROVIDER_CHARACTERS + 1));
  return /^[\x20-\x7e]{1,200}$/.test(text) ? text : refuse(`${what}: malformed text in extension ${id}`);
}

function extensionValue(certificate: Certificate, id: string, tag: number, what: string): DerElement {
  const extension = certificate.extensions.get(id) ?? refuse(`${what}: no extension ${id}`);
  return readDer(extension.value, tag, `${what} extension ${id}`);
}
