/**
 * Parsing of SGX quotes: bytes to fields, no trust. The envelope is read by `../dcap/quote.ts`, the
 * body, an enclave report of 384 bytes, by `../dcap/enclave-report.ts`.
 *
 * @module
 */
import { toHex } from '@vitrine/documents/evidence';
import { type EnclaveReport, readEnclaveReport } from '../dcap/enclave-report.ts';
import { type DcapQuote, parseQuote, TeeType } from '../dcap/quote.ts';

export interface SgxQuote {
  readonly envelope: DcapQuote;
  readonly report: EnclaveReport;
  /** Every register of the body by its lower-case name, bytes as lower-case hexadecimal in memory order. */
  readonly registers: Readonly<Record<string, string>>;
  readonly reportData: string;
}

export const FORMAT_CHECK = 'sgx.format';

/** Offset and length of each register in the body. */
const REGISTERS = {
  cpusvn: [0, 16],
  miscselect: [16, 4],
  isvextprodid: [32, 16],
  attributes: [48, 16],
  mrenclave: [64, 32],
  mrsigner: [128, 32],
  configid: [192, 64],
  isvprodid: [256, 2],
  isvsvn: [258, 2],
  configsvn: [260, 2],
  isvfamilyid: [304, 16],
} as const;

/**
 * Reads an SGX quote.
 *
 * @throws MalformedEvidenceError for anything but one well-formed quote of a supported version.
 */
export function parseSgxQuote(bytes: Uint8Array<ArrayBuffer>): SgxQuote {
  const envelope = parseQuote(bytes, TeeType.sgx, FORMAT_CHECK);
  const { body } = envelope;
  const registers: Record<string, string> = {};
  for (const [name, [offset, length]] of Object.entries(REGISTERS)) {
    registers[name] = toHex(body.subarray(offset, offset + length));
  }
  const report = readEnclaveReport(body);
  return { envelope, report, registers, reportData: toHex(report.reportData) };
}
