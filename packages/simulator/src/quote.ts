/**
 * Assembles and signs TDX quotes (version 4, or 5) and SGX quotes (version 3): header and body under the attestation key, the
 * quoting enclave's report under the PCK key, and the PCK chain.
 *
 * Each layer can be changed before what lies above it is signed; without changes the quote is one
 * that a complete DCAP verification accepts under the simulator's root.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { encodePem } from '@vitrine/attester';
import { concatBytes } from '@vitrine/documents';
import { type KeyPair, pointOf, signRaw } from './keys.ts';
import type { Pki } from './pki.ts';
import { createEnclaveReport, createQeReport, encodeQeReport, type QeReport } from './qe-identity.ts';
import {
  createHeader,
  createTdBody,
  encodeBodyDescriptor,
  encodeHeader,
  encodeTdBody,
  type QuoteHeader,
  type TdBody,
  type TdClaims,
} from './td-body.ts';

/** Changes to a good quote, innermost first. Lengths of nested data always follow what is nested. */
export interface QuoteChanges {
  readonly header?: (good: QuoteHeader) => QuoteHeader;
  readonly body?: (good: TdBody) => TdBody;
  /** The report of an enclave, instead of a TD: makes it an SGX quote of version 3. */
  readonly enclave?: (good: QeReport) => QeReport;
  /** Type and size in front of the body, of version 5 alone. */
  readonly bodyDescriptor?: (good: BodyDescriptor) => BodyDescriptor;
  /** Raw r ‖ s of the attestation key over header and body. */
  readonly quoteSignature?: (good: Uint8Array) => Uint8Array;
  /** Who signs header and body; the attestation key that is carried stays the same. */
  readonly quoteSigner?: KeyPair;
  /** x ‖ y as carried in the quote and hashed into the QE report. */
  readonly attestationPoint?: (good: Uint8Array) => Uint8Array;
  readonly authData?: Uint8Array;
  readonly qeReport?: (good: QeReport) => QeReport;
  readonly qeReportSignature?: (good: Uint8Array) => Uint8Array;
  /** Who signs the QE report, instead of the PCK key. */
  readonly qeReportSigner?: KeyPair;
  /** DER certificates to carry, instead of PCK, platform CA, root. */
  readonly chain?: readonly Uint8Array[];
  /** The bytes of the inner certification data, instead of the chain in PEM. */
  readonly certificationData?: Uint8Array;
  /** 5 is a PCK chain in PEM. */
  readonly certificationDataType?: number;
  /** 6 is the QE report certification data of version 4. */
  readonly outerCertificationDataType?: number;
  /** The finished quote. */
  readonly after?: (good: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>;
}

export interface BodyDescriptor {
  /** 1 SGX, 2 TD 1.0, 3 TD 1.5. */
  readonly type: number;
  readonly size: number;
}

/** What a real quoting enclave shows as authentication data. */
const AUTH_DATA = Uint8Array.from({ length: 32 }, (_, index) => index);

/**
 * A signed quote.
 *
 * @param attestationKey - Lives in the (simulated) quoting enclave.
 */
export function makeQuote(
  pki: Pki,
  attestationKey: KeyPair,
  claims: TdClaims,
  changes: QuoteChanges = {},
): Uint8Array<ArrayBuffer> {
  const change = <T>(good: T, by: ((good: T) => T) | undefined): T => (by === undefined ? good : by(good));
  const { enclave } = changes;
  const goodHeader = createHeader();
  const header = change(enclave === undefined ? goodHeader : { ...goodHeader, version: 3, teeType: 0 }, changes.header);
  const td = change(createTdBody(claims), changes.body);
  const body =
    enclave === undefined
      ? encodeTdBody(td)
      : encodeQeReport(enclave(createEnclaveReport(pki.platform, claims.reportData)));
  const type = enclave === undefined ? (td.td15 === undefined ? 2 : 3) : 1;
  const descriptor = change({ type, size: body.length }, changes.bodyDescriptor);
  const signed = concatBytes(
    encodeHeader(header),
    ...(header.version === 5 ? [encodeBodyDescriptor(descriptor.type, descriptor.size)] : []),
    body,
  );
  const signature = change<Uint8Array>(signRaw(changes.quoteSigner ?? attestationKey, signed), changes.quoteSignature);

  const point = change<Uint8Array>(pointOf(attestationKey), changes.attestationPoint);
  const authData = changes.authData ?? AUTH_DATA;
  const binding = new Uint8Array(64);
  binding.set(createHash('sha256').update(point).update(authData).digest());
  const qeReport = encodeQeReport(change(createQeReport(pki.platform, binding), changes.qeReport));
  const qeSignature = change<Uint8Array>(
    signRaw(changes.qeReportSigner ?? pki.pck.key, qeReport),
    changes.qeReportSignature,
  );

  const chain = changes.chain ?? [pki.pck.der, pki.intermediate.der, pki.root.der];
  const certificates =
    changes.certificationData ?? new TextEncoder().encode(chain.map((der) => encodePem('CERTIFICATE', der)).join(''));
  const inner = concatBytes(
    qeReport,
    qeSignature,
    uint16(authData.length),
    authData,
    certificationData(changes.certificationDataType ?? 5, certificates),
  );
  const signatureData = concatBytes(
    signature,
    point,
    header.version === 3 ? inner : certificationData(changes.outerCertificationDataType ?? 6, inner),
  );
  return change(concatBytes(signed, uint32(signatureData.length), signatureData), changes.after);
}

function certificationData(type: number, data: Uint8Array): Uint8Array<ArrayBuffer> {
  return concatBytes(uint16(type), uint32(data.length), data);
}

function uint16(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, value >> 8);
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
