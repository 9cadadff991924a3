/**
 * The body of an SGX enclave report, 384 bytes, little-endian (Intel SDM, volume 3D, REPORT).
 * In a quote it is the quoting enclave's own report; in an SGX quote also the body.
 *
 * @module
 */
import { toHex } from '@vitrine/documents';

export const ENCLAVE_REPORT_BYTES = 384;

/** ATTRIBUTES.DEBUG: a debugger can read and write the enclave. */
const DEBUG_FLAG = 0x02;

/** Fields as lower-case hexadecimal in memory order. */
export interface EnclaveReport {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly miscSelect: string;
  readonly attributes: string;
  readonly debug: boolean;
  readonly mrenclave: string;
  readonly mrsigner: string;
  readonly isvProdId: number;
  readonly isvSvn: number;
  readonly reportData: Uint8Array<ArrayBuffer>;
}

/** Reads the fields of exactly 384 bytes; the caller has checked the length. */
export function readEnclaveReport(bytes: Uint8Array<ArrayBuffer>): EnclaveReport {
  const view = new DataView(bytes.buffer, bytes.byteOffset, ENCLAVE_REPORT_BYTES);
  return {
    bytes,
    miscSelect: toHex(bytes.subarray(16, 20)),
    attributes: toHex(bytes.subarray(48, 64)),
    debug: (view.getUint8(48) & DEBUG_FLAG) !== 0,
    mrenclave: toHex(bytes.subarray(64, 96)),
    mrsigner: toHex(bytes.subarray(128, 160)),
    isvProdId: view.getUint16(256, true),
    isvSvn: view.getUint16(258, true),
    reportData: bytes.subarray(320, 384),
  };
}
