/**
 * The body of an SGX enclave report, 384 bytes, little-endian (Intel SDM, volume 3D, REPORT).
 * In a quote it is the quoting enclave's own report; in an SGX quote also the body.
 *
 * @module
 */
import { hexOf } from '#crypto';

export const ENCLAVE_REPORT_BYTES = 384;

/** ATTRIBUTES.DEBUG: a debugger can read and write the enclave. */
const DEBUG_FLAG = 0x02;

/** Fields as lower-case hexadecimal in memory order. */
export interface EnclaveReport {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly cpuSvn: string;
  readonly miscSelect: string;
  /** Key separation and sharing: extended product id, 16 bytes. */
  readonly isvExtProdId: string;
  readonly attributes: string;
  readonly debug: boolean;
  readonly mrenclave: string;
  readonly mrsigner: string;
  /** Key separation and sharing: 64 bytes. */
  readonly configId: string;
  readonly isvProdId: number;
  readonly isvSvn: number;
  readonly configSvn: number;
  /** Key separation and sharing: 16 bytes. */
  readonly isvFamilyId: string;
  readonly reportData: Uint8Array<ArrayBuffer>;
}

/** Reads the fields of exactly 384 bytes; the caller has checked the length. */
export function readEnclaveReport(bytes: Uint8Array<ArrayBuffer>): EnclaveReport {
  const view = new DataView(bytes.buffer, bytes.byteOffset, ENCLAVE_REPORT_BYTES);
  // Written out once for all fields, which are parts of it.
  const hex = hexOf(bytes);
  const field = (from: number, to: number): string => hex.slice(2 * from, 2 * to);
  return {
    bytes,
    cpuSvn: field(0, 16),
    miscSelect: field(16, 20),
    isvExtProdId: field(32, 48),
    attributes: field(48, 64),
    debug: (view.getUint8(48) & DEBUG_FLAG) !== 0,
    mrenclave: field(64, 96),
    mrsigner: field(128, 160),
    configId: field(192, 256),
    isvProdId: view.getUint16(256, true),
    isvSvn: view.getUint16(258, true),
    configSvn: view.getUint16(260, true),
    isvFamilyId: field(304, 320),
    reportData: bytes.subarray(320, 384),
  };
}
