/**
 * Trust anchors of SEV-SNP evidence: AMD's root for each product, recognised as a whole certificate,
 * and the authorities that AMD publishes under it, which the evidence then need not bring.
 *
 * @module
 */
import { fromBase64Url } from '@vitrine/documents/evidence';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import { AMD_AUTHORITY_PROFILE } from '../x509/profile.ts';
import {
  ARK_GENOA,
  ARK_MILAN,
  ARK_TURIN,
  ASK_GENOA,
  ASK_MILAN,
  ASK_TURIN,
  ASVK_GENOA,
  ASVK_MILAN,
  ASVK_TURIN,
} from './authorities.ts';
import type { SnpProduct } from './product.ts';

/** A root that the caller or this release stands behind. */
export interface SnpAnchor {
  /** Appears in results, such as `amd-ark-genoa`. */
  readonly name: string;
  /** `any` for the root of a simulator, which has one for all that it simulates. */
  readonly product: SnpProduct | 'any';
  /** DER of the self-signed root. */
  readonly root: Uint8Array<ArrayBuffer>;
  /** DER of authorities below it that are known beforehand. They are trusted only as far as the root signed them. */
  readonly authorities: readonly Uint8Array<ArrayBuffer>[];
  /** Evidence under a simulator's root is never `verified`. */
  readonly simulator: boolean;
}

/** SHA-256 of the DER of each root, lower-case hexadecimal. */
export const AMD_ROOT_FINGERPRINTS: Readonly<Record<SnpProduct, string>> = {
  Milan: '69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd',
  Genoa: '4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1',
  Turin: '1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a',
};

const DATA: readonly (readonly [SnpProduct, root: string, ...authorities: readonly string[]])[] = [
  ['Milan', ARK_MILAN, ASK_MILAN, ASVK_MILAN],
  ['Genoa', ARK_GENOA, ASK_GENOA, ASVK_GENOA],
  ['Turin', ARK_TURIN, ASK_TURIN, ASVK_TURIN],
];

type AmdAnchor = SnpAnchor & { readonly product: SnpProduct };

let decoded: readonly AmdAnchor[] | undefined;

/** The roots of real AMD processors. Decoded at the first use, since most callers judge one technology. */
export function amdAnchors(): readonly AmdAnchor[] {
  decoded ??= DATA.map(([product, root, ...authorities]) => ({
    name: `amd-ark-${product.toLowerCase()}`,
    product,
    root: decode(root),
    authorities: authorities.map(decode),
    simulator: false,
  }));
  return decoded;
}

/** Anchors as certificates, read once for each anchor. */
const parsed = new WeakMap<SnpAnchor, AnchorCertificates>();

export interface AnchorCertificates {
  readonly root: Certificate;
  readonly authorities: readonly Certificate[];
}

/** @throws RefusalError when the caller's anchor is no certificate of AMD's form. */
export function certificatesOf(anchor: SnpAnchor): AnchorCertificates {
  const known = parsed.get(anchor);
  if (known !== undefined) return known;
  const certificates = {
    root: parseCertificate(anchor.root, `root of ${anchor.name}`, AMD_AUTHORITY_PROFILE),
    authorities: anchor.authorities.map((der) =>
      parseCertificate(der, `authority below ${anchor.name}`, AMD_AUTHORITY_PROFILE),
    ),
  };
  parsed.set(anchor, certificates);
  return certificates;
}

function decode(text: string): Uint8Array<ArrayBuffer> {
  const der = fromBase64Url(text);
  if (der === undefined) throw new Error('a built-in certificate is not base64url');
  return der;
}
