/**
 * The envelope of a DCAP quote: header, body, and the signature data that joins the quote to a
 * certificate of Intel (Intel TDX DCAP Quoting Library API, appendix A, "Version 4 quote" and
 * "Version 5 quote"; Intel SGX ECDSA Quote Library Reference, "Quote format", for version 3).
 *
 * This is parsing only. All lengths are checked against what is there, nested lengths must fill
 * what encloses them exactly, and only zero bytes may follow the declared end, because real
 * writers pad. The body is handed on as bytes; `../tdx/parse.ts` and `../sgx/parse.ts` read it.
 *
 * Version 4 says by the TEE type what the body is. Version 5 says it once more, with the body's
 * length, and all three have to agree. Version 3 is SGX alone.
 *
 * @module
 */
import { MalformedEvidenceError, toHex } from '@vitrine/documents/evidence';
import { ENCLAVE_REPORT_BYTES, type EnclaveReport, readEnclaveReport } from './enclave-report.ts';

/** `TEE type` of the header. */
export const TeeType = { sgx: 0x00, tdx: 0x81 } as const;

/** What the body is: an enclave report, or a TD report without or with the fields of TDX module 1.5. */
type BodyKind = 'sgx' | 'td-1.0' | 'td-1.5';

export interface DcapQuote {
  readonly version: number;
  readonly bodyKind: BodyKind;
  readonly body: Uint8Array<ArrayBuffer>;
  /** What the attestation key signed: header and body. */
  readonly signed: Uint8Array<ArrayBuffer>;
  /** 64 bytes r ‖ s over `signed`. */
  readonly signature: Uint8Array<ArrayBuffer>;
  /** 64 bytes x ‖ y. */
  readonly attestationKey: Uint8Array<ArrayBuffer>;
  readonly qeReport: EnclaveReport;
  /** 64 bytes r ‖ s by the PCK leaf over the report's bytes. */
  readonly qeReportSignature: Uint8Array<ArrayBuffer>;
  /** Hashed into the quoting enclave's report data after the attestation key. */
  readonly qeAuthData: Uint8Array<ArrayBuffer>;
  /** PEM: leaf, intermediate, root, one character per byte. Not yet read. */
  readonly pckChainPem: string;
}

const BODY_BYTES: Readonly<Record<BodyKind, number>> = { sgx: 384, 'td-1.0': 584, 'td-1.5': 648 };

/** By version, what stands at the body's place for each TEE type; version 5 says more itself. */
const BODIES: ReadonlyMap<number, ReadonlyMap<number, BodyKind>> = new Map([
  [3, new Map([[TeeType.sgx, 'sgx']])],
  [
    4,
    new Map<number, BodyKind>([
      [TeeType.sgx, 'sgx'],
      [TeeType.tdx, 'td-1.0'],
    ]),
  ],
  [
    5,
    new Map<number, BodyKind>([
      [TeeType.sgx, 'sgx'],
      [TeeType.tdx, 'td-1.5'],
    ]),
  ],
]);

/** `Quote body type` of version 5. */
const BODY_TYPES: ReadonlyMap<number, BodyKind> = new Map([
  [1, 'sgx'],
  [2, 'td-1.0'],
  [3, 'td-1.5'],
]);

const ECDSA_P256 = 2;
const HEADER_BYTES = 48;
const INTEL_QE_VENDOR = '939a7233f79c4ca9940a0db3957f0607';
const QE_REPORT_CERTIFICATION = 6;
const PCK_CHAIN = 5;

/** Certification data by type, to name what is there instead. */
const CERTIFICATION_TYPES: ReadonlyMap<number, string> = new Map([
  [1, 'PPID in plain text, without a PCK certificate'],
  [2, 'PPID encrypted with RSA-2048, without a PCK certificate'],
  [3, 'PPID encrypted with RSA-3072, without a PCK certificate'],
  [4, 'PCK leaf certificate alone'],
  [PCK_CHAIN, 'PCK certificate chain'],
  [QE_REPORT_CERTIFICATION, 'QE report certification data'],
  [7, 'platform manifest'],
]);

/** Real quotes have 5 to 8 kB. */
const MAX_QUOTE_BYTES = 64 * 1024;

/** Reads little-endian fields in order and refuses to read past the end. */
interface Reader {
  readonly bytes: Uint8Array<ArrayBuffer>;
  offset: number;
  readonly check: string;
  readonly what: string;
}

/**
 * Whether the header says: quote version 4 or 5 of a TDX guest. Decides nothing but which parser is asked.
 * Every attestation key type is above zero, which tells a quote from an SNP report.
 */
export function hasTdxHeader(bytes: Uint8Array): boolean {
  const header = headerOf(bytes);
  return header !== undefined && (header.version === 4 || header.version === 5) && header.teeType === TeeType.tdx;
}

/** The same for SGX enclaves: version 3, or version 4 or 5 with their TEE type. */
export function hasSgxHeader(bytes: Uint8Array): boolean {
  const header = headerOf(bytes);
  return header !== undefined && BODIES.has(header.version) && header.teeType === TeeType.sgx;
}

function headerOf(bytes: Uint8Array): { readonly version: number; readonly teeType: number } | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  return view.getUint16(2, true) === 0
    ? undefined
    : { version: view.getUint16(0, true), teeType: view.getUint32(4, true) };
}

/**
 * Reads the envelope of a quote of `teeType`.
 *
 * @param check - Id of the check that a malformed quote fails, such as `tdx.format`.
 * @throws MalformedEvidenceError
 */
export function parseQuote(bytes: Uint8Array<ArrayBuffer>, teeType: number, check: string): DcapQuote {
  const reader: Reader = { bytes, offset: 0, check, what: 'quote' };
  if (bytes.length > MAX_QUOTE_BYTES) malformed(reader, `longer than ${MAX_QUOTE_BYTES} bytes`);
  const version = readUint16(reader);
  const bodies = BODIES.get(version);
  if (bodies === undefined)
    return malformed(reader, `version ${version} is not supported; supported: ${[...BODIES.keys()].join(', ')}`);
  const keyType = readUint16(reader);
  if (keyType !== ECDSA_P256)
    malformed(reader, `attestation key type ${keyType} is not supported; supported: 2 (ECDSA P-256)`);
  const foundTee = readUint32(reader);
  const kind = bodies.get(foundTee);
  if (foundTee !== teeType)
    malformed(reader, `TEE type 0x${foundTee.toString(16)} is not the expected 0x${teeType.toString(16)}`);
  if (kind === undefined)
    return malformed(reader, `version ${version} is not supported for TEE type 0x${teeType.toString(16)}`);
  // QE and PCE security versions of version 3, reserved since: the QE report and the certificate say both, signed.
  readBytes(reader, 4);
  const vendor = toHex(readBytes(reader, 16));
  if (vendor !== INTEL_QE_VENDOR) malformed(reader, `QE vendor ${vendor} is not Intel's ${INTEL_QE_VENDOR}`);
  readBytes(reader, HEADER_BYTES - reader.offset);
  const bodyKind = version === 5 ? readBodyKind(reader, teeType) : kind;
  const body = readBytes(reader, BODY_BYTES[bodyKind]);
  const signed = bytes.subarray(0, reader.offset);
  const signatureData = readBytes(reader, readUint32(reader));
  for (let index = reader.offset; index < bytes.length; index++) {
    if (bytes[index] !== 0) malformed(reader, `bytes other than zero follow the declared end at ${reader.offset}`);
  }
  const data: Reader = { check, bytes: signatureData, offset: 0, what: 'signature data' };
  return { version, bodyKind, body, signed, ...parseSignatureData(data, version) };
}

/** Type and size in front of a body of version 5: known, of the header's TEE, and of each other. */
function readBodyKind(reader: Reader, teeType: number): BodyKind {
  const type = readUint16(reader);
  const kind = BODY_TYPES.get(type);
  if (kind === undefined) {
    return malformed(reader, `body type ${type} is not supported; supported: ${[...BODY_TYPES.keys()].join(', ')}`);
  }
  if ((kind === 'sgx') !== (teeType === TeeType.sgx)) {
    malformed(reader, `body type ${type} does not belong to TEE type 0x${teeType.toString(16)}`);
  }
  const size = readUint32(reader);
  if (size !== BODY_BYTES[kind])
    malformed(reader, `body type ${type} has ${BODY_BYTES[kind]} bytes, and the quote says ${size}`);
  return kind;
}

type SignatureData = Omit<DcapQuote, 'version' | 'bodyKind' | 'body' | 'signed'>;

const LATIN1 = new TextDecoder('latin1');

/** Since version 4, the quoting enclave's report stands in certification data of its own. */
function parseSignatureData(reader: Reader, version: number): SignatureData {
  const signature = readBytes(reader, 64);
  const attestationKey = readBytes(reader, 64);
  const certification =
    version === 3 ? reader : readCertification(reader, QE_REPORT_CERTIFICATION, 'QE certification data');
  const qeReport = readEnclaveReport(readBytes(certification, ENCLAVE_REPORT_BYTES));
  const qeReportSignature = readBytes(certification, 64);
  const qeAuthData = readBytes(certification, readUint16(certification));
  const chain = readCertification(certification, PCK_CHAIN, 'PCK certificate chain').bytes;
  return {
    signature,
    attestationKey,
    qeReport,
    qeReportSignature,
    qeAuthData,
    pckChainPem: LATIN1.decode(chain),
  };
}

/** Certification data of one `type`, which must be the rest of what `reader` holds. */
function readCertification(reader: Reader, type: number, what: string): Reader {
  const found = readUint16(reader);
  if (found !== type) {
    const name = CERTIFICATION_TYPES.get(found) ?? 'unknown';
    malformed(reader, `certification data type ${found} (${name}) is not supported here; expected ${type} (${what})`);
  }
  const data = readBytes(reader, readUint32(reader));
  if (reader.offset !== reader.bytes.length) malformed(reader, `bytes after the ${what}`);
  return { ...reader, bytes: data, offset: 0, what };
}

function readUint16(reader: Reader): number {
  const { bytes, offset } = reader;
  skip(reader, 2);
  return (bytes[offset] ?? 0) + (bytes[offset + 1] ?? 0) * 256;
}

function readUint32(reader: Reader): number {
  return readUint16(reader) + readUint16(reader) * 65536;
}

function readBytes(reader: Reader, length: number): Uint8Array<ArrayBuffer> {
  const { bytes, offset } = reader;
  skip(reader, length);
  return bytes.subarray(offset, offset + length);
}

function skip(reader: Reader, length: number): void {
  const end = reader.offset + length;
  if (end > reader.bytes.length) {
    malformed(
      reader,
      `${length} bytes wanted at offset ${reader.offset}, ${reader.bytes.length - reader.offset} there`,
    );
  }
  reader.offset = end;
}

function malformed(reader: Reader, problem: string): never {
  throw new MalformedEvidenceError(reader.check, `${reader.what}: ${problem}`);
}
