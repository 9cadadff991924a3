/**
 * The envelope of a DCAP quote: header, body, and the signature data that joins the quote to a
 * certificate of Intel (Intel TDX DCAP Quoting Library API, appendix A, "Version 4 quote").
 *
 * This is parsing only. All lengths are checked against what is there, nested lengths must fill
 * what encloses them exactly, and only zero bytes may follow the declared end, because real
 * writers pad. The body is handed on as bytes; `../tdx/parse.ts` reads it.
 *
 * A further quote version is one more row in {@link LAYOUTS} with its body's place.
 *
 * @module
 */
import { MalformedEvidenceError, toHex } from '@vitrine/documents';
import { ENCLAVE_REPORT_BYTES, type EnclaveReport, readEnclaveReport } from './enclave-report.ts';

/** `TEE type` of the header. */
export const TeeType = { sgx: 0x00, tdx: 0x81 } as const;

export interface DcapQuote {
  readonly version: number;
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

interface Layout {
  readonly bodyOffset: number;
  /** Bytes of the body by TEE type. */
  readonly bodyBytes: ReadonlyMap<number, number>;
}

const LAYOUTS: ReadonlyMap<number, Layout> = new Map([
  [4, { bodyOffset: 48, bodyBytes: new Map([[TeeType.tdx, 584]]) }],
]);

const ECDSA_P256 = 2;
const INTEL_QE_VENDOR = '939a7233f79c4ca9940a0db3957f0607';
const QE_REPORT_CERTIFICATION = 6;
const PCK_CHAIN = 5;

/** Real quotes have 5 to 8 kB. */
const MAX_QUOTE_BYTES = 64 * 1024;

/** Reads little-endian fields in order and refuses to read past the end. */
interface Reader {
  readonly bytes: Uint8Array<ArrayBuffer>;
  offset: number;
  readonly check: string;
  readonly what: string;
}

/** Whether the header says: quote version 4 or 5 of a TDX guest. Decides nothing but which parser is asked. */
export function hasTdxHeader(bytes: Uint8Array): boolean {
  if (bytes.length < 48) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, 48);
  const version = view.getUint16(0, true);
  return (version === 4 || version === 5) && view.getUint32(4, true) === TeeType.tdx;
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
  const layout = LAYOUTS.get(version);
  if (layout === undefined)
    return malformed(reader, `version ${version} is not supported; supported: ${[...LAYOUTS.keys()].join(', ')}`);
  const keyType = readUint16(reader);
  if (keyType !== ECDSA_P256)
    malformed(reader, `attestation key type ${keyType} is not supported; supported: 2 (ECDSA P-256)`);
  const foundTee = readUint32(reader);
  const bodyBytes = layout.bodyBytes.get(foundTee);
  if (foundTee !== teeType || bodyBytes === undefined) {
    return malformed(reader, `TEE type 0x${foundTee.toString(16)} is not the expected 0x${teeType.toString(16)}`);
  }
  readBytes(reader, 4);
  const vendor = toHex(readBytes(reader, 16));
  if (vendor !== INTEL_QE_VENDOR) malformed(reader, `QE vendor ${vendor} is not Intel's ${INTEL_QE_VENDOR}`);
  readBytes(reader, layout.bodyOffset - reader.offset);
  const body = readBytes(reader, bodyBytes);
  const signed = bytes.subarray(0, reader.offset);
  const signatureData = readBytes(reader, readUint32(reader));
  if (bytes.subarray(reader.offset).some((byte) => byte !== 0)) {
    malformed(reader, `bytes other than zero follow the declared end at ${reader.offset}`);
  }
  return {
    version,
    body,
    signed,
    ...parseSignatureData({ ...reader, bytes: signatureData, offset: 0, what: 'signature data' }),
  };
}

type SignatureData = Omit<DcapQuote, 'version' | 'body' | 'signed'>;

function parseSignatureData(reader: Reader): SignatureData {
  const signature = readBytes(reader, 64);
  const attestationKey = readBytes(reader, 64);
  const certification = readCertification(reader, QE_REPORT_CERTIFICATION, 'QE certification data');
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
    pckChainPem: new TextDecoder('latin1').decode(chain),
  };
}

/** Certification data of one `type`, which must be the rest of what `reader` holds. */
function readCertification(reader: Reader, type: number, what: string): Reader {
  const found = readUint16(reader);
  if (found !== type)
    malformed(reader, `certification data type ${found} is not supported; expected ${type} (${what})`);
  const data = readBytes(reader, readUint32(reader));
  if (reader.offset !== reader.bytes.length) malformed(reader, `bytes after the ${what}`);
  return { ...reader, bytes: data, offset: 0, what };
}

function readUint16(reader: Reader): number {
  const [low = 0, high = 0] = readBytes(reader, 2);
  return low + high * 256;
}

function readUint32(reader: Reader): number {
  return readUint16(reader) + readUint16(reader) * 65536;
}

function readBytes(reader: Reader, length: number): Uint8Array<ArrayBuffer> {
  const end = reader.offset + length;
  if (end > reader.bytes.length) {
    malformed(
      reader,
      `${length} bytes wanted at offset ${reader.offset}, ${reader.bytes.length - reader.offset} there`,
    );
  }
  const part = reader.bytes.subarray(reader.offset, end);
  reader.offset = end;
  return part;
}

function malformed(reader: Reader, problem: string): never {
  throw new MalformedEvidenceError(reader.check, `${reader.what}: ${problem}`);
}
